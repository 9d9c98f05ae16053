import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Netmap, NetmapChange } from '../src/index.ts'
import { NetmapFollower } from '../src/netmap-follower.ts'
import { change, netmap, nodeIdNumber, peer } from './fixture.ts'

test('who holds nothing subscribes without, and takes the whole', () => {
  const follower = new NetmapFollower(undefined)
  assert.deepEqual(follower.subscribe(), {})
  assert.deepEqual(follower.onChange(change(1, 2)), { kind: 'nothing' })
  assert.deepEqual(follower.onNetmap(netmap(2)), { kind: 'netmap', netmap: netmap(2) })
})

test('who holds a netmap subscribes with its number, also after changes', () => {
  const follower = new NetmapFollower(netmap(4))
  assert.deepEqual(follower.subscribe(), { epoch: 'first', number: 4 })
  const step = change(4, 6, { upsert: [peer(1)] })
  assert.deepEqual(follower.onChange(step), { kind: 'change', change: step, netmap: netmap(6, [peer(1)]) })
  assert.deepEqual(follower.subscribe(), { epoch: 'first', number: 6 })
})

test('a change that does not fit asks for the whole, and until it comes no change is taken', () => {
  const follower = new NetmapFollower(netmap(4))
  follower.subscribe()
  assert.deepEqual(follower.onChange(change(5, 6)), { kind: 'subscribe-anew' })
  assert.deepEqual(follower.onChange(change(4, 5)), { kind: 'nothing' })
  assert.deepEqual(follower.onChange(change(6, 7)), { kind: 'nothing' })
  assert.deepEqual(follower.onNetmap(netmap(7)), { kind: 'netmap', netmap: netmap(7) })
  assert.equal(follower.onChange(change(7, 8)).kind, 'change')
})

test('a coordinator whose changes never fit is not asked for the whole again and again', () => {
  const follower = new NetmapFollower(netmap(4))
  follower.subscribe()
  follower.onChange(change(5, 6))
  follower.onNetmap(netmap(7))
  assert.deepEqual(follower.onChange(change(9, 10)), { kind: 'fault' })
})

test('after a change that fitted, one that does not asks for the whole once more', () => {
  const follower = new NetmapFollower(netmap(4))
  follower.subscribe()
  follower.onChange(change(5, 6))
  follower.onNetmap(netmap(7))
  follower.onChange(change(7, 8))
  assert.deepEqual(follower.onChange(change(9, 10)), { kind: 'subscribe-anew' })
})

test('a long netmap is told when its last part has come, as one', () => {
  const follower = new NetmapFollower(netmap(4, [peer(9)]))
  follower.subscribe()
  assert.deepEqual(follower.onNetmap(netmap(0, [peer(1)])), { kind: 'nothing' })
  assert.deepEqual(follower.onChange(change(0, 0, { upsert: [peer(2)] })), { kind: 'nothing' })
  const whole = netmap(8, [peer(1), peer(2), peer(3)])
  assert.deepEqual(follower.onChange(change(0, 8, { upsert: [peer(3)] })), { kind: 'netmap', netmap: whole })
})

test('a long netmap that breaks off leaves what was held', () => {
  const follower = new NetmapFollower(netmap(4, [peer(9)]))
  follower.subscribe()
  follower.onNetmap(netmap(0, [peer(1)]))
  assert.deepEqual(follower.subscribe(), { epoch: 'first', number: 4 })
  assert.deepEqual(follower.onChange(change(4, 5)), {
    kind: 'change',
    change: change(4, 5),
    netmap: netmap(5, [peer(9)]),
  })
})

test('whatever comes, what is told is always a whole netmap, or one that a fitting change led to', () => {
  const epoch = fc.constantFrom('first', 'second')
  const number = fc.nat(4)
  const message: fc.Arbitrary<Netmap | NetmapChange> = fc.oneof(
    fc.tuple(number, epoch).map(([n, e]) => netmap(n, [peer(n)], { epoch: e })),
    fc.tuple(number, number, epoch).map(([from, by, e]) => {
      return change(from, from + by, { epoch: e, upsert: [peer(10 + from)], remove: [nodeIdNumber(from)] })
    }),
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(message, fc.constant('reconnect' as const))), (events) => {
      const follower = new NetmapFollower(undefined)
      follower.subscribe()
      let held: Netmap | undefined
      for (const event of events) {
        if (event === 'reconnect') {
          assert.equal(follower.subscribe().number, held?.number)
          continue
        }
        const followed = event.type === 'netmap' ? follower.onNetmap(event) : follower.onChange(event)
        if (followed.kind === 'change') {
          assert.ok(held?.number === followed.change.from && held.epoch === followed.change.epoch)
        }
        if (followed.kind === 'netmap' || followed.kind === 'change') {
          assert.ok(followed.netmap.number > 0 && followed.netmap.peers.length > 0)
          held = followed.netmap
        }
      }
    }),
    { numRuns: 300 },
  )
})
