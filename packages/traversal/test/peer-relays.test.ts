import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@weft/base'
import type { NodeId } from '@weft/keys'
import { PeerRelays } from '../src/peer-relays.ts'

const [own, second, theirs, their2] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(32) as NodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const at = (ms: number) => instant(ms)

test('a peer whose relays are not known is looked for at all that are connected', () => {
  const { relays } = world(own, second)
  assert.deepEqual(relays.likely(at(0)), [own, second])
  assert.equal(relays.best(at(0)), own)
})

test('a peer is reached where it says that it is at home, once that is connected', () => {
  const { relays, connected, wants } = world(own, second)
  relays.onTold([theirs, their2], at(0))
  assert.deepEqual(wants, [[theirs, their2]])
  assert.equal(relays.best(at(0)), own)
  connected.push(their2)
  assert.equal(relays.best(at(0)), their2)
  connected.push(theirs)
  assert.equal(relays.best(at(0)), theirs)
  assert.deepEqual(relays.likely(at(0)), [theirs])
})

test('its relays are asked for again while it is in use, not each time', () => {
  const { relays, wants } = world(own)
  relays.onTold([theirs], at(0))
  for (let now = 100; now <= 25_000; now += 100) relays.keep(at(now))
  assert.equal(wants.length, 3)
})

test('a peer that is absent at all that are connected is searched for at the others', () => {
  const { relays, searches } = world(own, second)
  relays.onAbsent(own, at(0))
  assert.equal(searches(), 0)
  assert.equal(relays.best(at(0)), second)
  relays.onAbsent(second, at(10))
  assert.equal(searches(), 1)
  assert.equal(relays.best(at(10)), own)
  assert.equal(relays.best(at(2_005)), own)
  relays.onTold([second], at(20))
  assert.equal(relays.best(at(20)), second)
})

test('a relay by which nothing comes back is doubted, and another is tried meanwhile', () => {
  const { relays, doubts } = world(own, second)
  assert.equal(relays.onUnanswered(own, at(0), at(900)), false)
  assert.equal(relays.onUnanswered(own, at(0), at(1_000)), true)
  assert.equal(relays.best(at(1_000)), second)
  assert.deepEqual(relays.toTell(at(1_000)), [second, own])
  // It has not noticed yet.
  relays.onTold([own, second], at(1_100))
  assert.equal(relays.best(at(1_100)), second)
  assert.deepEqual(relays.toTell(at(6_000)), [own, second])
  assert.equal(relays.onUnanswered(second, at(0), at(2_000)), false)
  assert.equal(relays.onUnanswered(second, at(0), at(6_000)), true)
  assert.equal(relays.best(at(6_000)), own)
  assert.deepEqual(doubts, [own, second])
})

function world(...relays: NodeId[]) {
  const wants: (readonly NodeId[])[] = []
  const doubts: NodeId[] = []
  let searches = 0
  return {
    wants,
    doubts,
    connected: relays,
    searches: () => searches,
    relays: new PeerRelays({
      relays: () => relays,
      wantRelays: (wanted) => void wants.push(wanted),
      searchRelays: () => {
        searches++
      },
      doubt: (relay) => void doubts.push(relay),
    }),
  }
}
