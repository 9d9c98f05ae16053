import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant } from '@weft/base'
import type { NodeId } from '@weft/keys'
import fc from 'fast-check'
import { RelaySet } from '../src/relay-set.ts'

const ids = Array.from({ length: 16 }, (_, i) => i.toString(16).padStart(2, '0').repeat(16) as NodeId)
const id = (place: number): NodeId => ids[place] ?? assert.fail()

test('of many relays the nearest is home, the next one is second, and only these two stay connected', () => {
  const world = new World(6, [50, 25, 80, 10, 90, 70])
  assert.equal(world.set.wanted().length, 6)
  world.settle()
  assert.deepEqual([world.set.home, world.set.connected()[1]], [id(3), id(1)])
  world.after(11)
  assert.deepEqual(world.set.wanted(), [id(1), id(3)])
  const idle = [...world.set.all()].filter(([, { state }]) => state === 'idle').map(([, { rttMs }]) => rttMs)
  assert.deepEqual(idle, [50, 80, 90, 70])
})

test('a few are all kept', () => {
  const world = new World(3, [50, 20, 80])
  world.settle()
  world.after(3_600)
  assert.deepEqual(world.set.wanted(), [id(0), id(1), id(2)])
  assert.equal(world.set.nextTimeout(), undefined)
})

test('home stays home until another is clearly nearer', () => {
  const world = new World(2, [30, 35])
  world.settle()
  assert.equal(world.set.home, id(0))
  for (const rtt of [29, 24, 21]) {
    world.rtts[1] = rtt
    world.settle()
    assert.equal(world.set.home, id(0))
  }
  world.rtts[1] = 19
  world.settle()
  assert.equal(world.set.home, id(1))
})

test('when home dies the second takes over at once, all are tried, and another becomes second', () => {
  const world = new World(5, [10, 25, 30, 40, 50])
  world.settle()
  world.after(11)
  world.dead.add(0)
  world.settle()
  assert.equal(world.set.home, id(1))
  assert.equal(world.set.wanted().length, 5)
  world.settle()
  assert.deepEqual(world.set.connected().slice(0, 2), [id(1), id(2)])
  world.after(1)
  assert.deepEqual(world.set.wanted(), [id(1), id(2)])
  // It comes back, and is measured with all others some day.
  world.dead.clear()
  world.after(600)
  world.settle()
  assert.equal(world.set.home, id(0))
})

test('where a peer is at home is connected to while it is needed, and no more than some', () => {
  const world = new World(
    12,
    Array.from({ length: 12 }, (_, i) => 10 + i * 10),
  )
  world.settle()
  world.after(11)
  world.set.want([id(7), 'ff'.repeat(16) as NodeId], world.now)
  assert.deepEqual(world.set.wanted(), [id(0), id(1), id(7)])
  world.after(50)
  world.set.want([id(7)], world.now)
  world.after(50)
  assert.deepEqual(world.set.wanted(), [id(0), id(1), id(7)])
  world.after(11)
  assert.deepEqual(world.set.wanted(), [id(0), id(1)])
  world.set.search(world.now)
  assert.equal(world.set.wanted().length, 8)
})

test('relays that are gone from the mesh are left, and new ones are measured', () => {
  const world = new World(5, [10, 20, 30, 40, 50])
  world.settle()
  world.after(11)
  world.set.setKnown([id(1), id(2), id(3), id(4), id(5)], world.now)
  assert.equal(world.set.wanted().length, 5)
  assert.equal(world.set.home, id(1))
  world.set.setKnown([], world.now)
  assert.deepEqual([world.set.home, world.set.wanted(), world.set.connected()], [undefined, [], []])
})

test('whatever happens, home and second are connected, differ, and nothing foreign is wanted', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('known' as const), places: fc.uniqueArray(fc.nat(15), { maxLength: 16 }) }),
    fc.record({
      kind: fc.constant('standing' as const),
      place: fc.nat(15),
      rtt: fc.option(fc.nat(300), { nil: undefined }),
      state: fc.constantFrom('connected' as const, 'away' as const, undefined),
    }),
    fc.record({ kind: fc.constant('want' as const), places: fc.array(fc.nat(15), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('later' as const), seconds: fc.nat(700) }),
    fc.record({ kind: fc.constant('search' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const set = new RelaySet()
      let known: readonly NodeId[] = []
      const connected = new Set<NodeId>()
      let now = 0
      for (const each of steps) {
        if (each.kind === 'known') {
          known = each.places.map(id)
          for (const one of connected) if (!known.includes(one)) connected.delete(one)
          set.setKnown(known, instant(now))
        } else if (each.kind === 'standing') {
          const standing = each.state && { state: each.state, ...(each.rtt === undefined ? {} : { rttMs: each.rtt }) }
          set.setStanding(id(each.place), standing)
          if (each.state === 'connected' && known.includes(id(each.place))) connected.add(id(each.place))
          else connected.delete(id(each.place))
        } else if (each.kind === 'want') set.want(each.places.map(id), instant(now))
        else if (each.kind === 'search') set.search(instant(now))
        else {
          now += each.seconds * 1000
          set.wake(instant(now))
        }
        assert.deepEqual(new Set(set.connected()), connected)
        assert.equal(set.connected()[0], set.home)
        assert.equal(set.home === undefined, connected.size === 0)
        const wanted = set.wanted()
        assert.ok(wanted.every((one) => known.includes(one)))
        assert.equal(new Set(wanted).size, wanted.length)
        for (const first of set.connected().slice(0, 2)) assert.ok(wanted.includes(first))
      }
    }),
  )
})

/** Relays that answer as told. */
class World {
  readonly set = new RelaySet()
  readonly rtts: number[]
  readonly dead = new Set<number>()
  now: Instant = instant(0)

  constructor(count: number, rtts: readonly number[]) {
    this.rtts = [...rtts]
    this.set.setKnown(ids.slice(0, count), this.now)
  }

  /** What is wanted is connected, or is found to be away; what is not is closed. */
  settle(): void {
    const wanted = this.set.wanted()
    ids.forEach((one, place) => {
      const rttMs = this.rtts[place]
      if (!wanted.includes(one) || rttMs === undefined) this.set.setStanding(one, undefined)
      else if (this.dead.has(place)) this.set.setStanding(one, { state: 'away', reason: 'dead' })
      else this.set.setStanding(one, { state: 'connected', rttMs })
    })
  }

  after(seconds: number): void {
    this.now = instant(this.now + seconds * 1_000)
    this.set.wake(this.now)
    this.settle()
  }
}
