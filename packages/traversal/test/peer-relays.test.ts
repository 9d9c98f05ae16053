import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@weft/base'
import type { PeerMeter } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import { seededRandom } from '@weft/testing'
import { PeerRelays } from '../src/peer-relays.ts'
import type { ProbeMessage } from '../src/probe-messages.ts'

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
  relays.onTold([theirs, their2], undefined, at(0))
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
  relays.onTold([theirs], undefined, at(0))
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
  relays.onTold([second], undefined, at(20))
  assert.equal(relays.best(at(20)), second)
})

test('a relay whose word of absence proves wrong again and again is believed for longer, not asked each time', () => {
  const { relays, doubts } = world(own, second)
  for (let now = 0; now < 300; now += 100) {
    relays.onAbsent(own, at(now))
    assert.equal(relays.best(at(now)), second)
    relays.onTold([own], second, at(now + 50))
    assert.equal(relays.best(at(now + 50)), own)
  }
  relays.onAbsent(own, at(300))
  assert.deepEqual(doubts, [])
  relays.onTold([own], second, at(350))
  assert.equal(relays.best(at(350)), second)
  assert.deepEqual(doubts, [[own, 'not-absent']])
  assert.equal(relays.best(at(2_400)), own)
})

test('while data by a relay are unanswered the peer is asked by it; what brings no reply is doubted, and left', () => {
  const { relays, probes, doubts } = world(own, second)
  assert.equal(relays.check(own, unanswered(0, 200), at(200)), undefined)
  assert.equal(probes.length, 0)
  const left = run(relays, own, 300, 2_000)
  assert.deepEqual(left, { at: 1_100, next: second })
  assert.deepEqual(
    probes.map(({ relay }) => relay),
    [own, own, own, second],
  )
  assert.deepEqual(doubts, [[own, 'no-reply']])
  assert.equal(relays.best(at(1_100)), second)
  assert.deepEqual(relays.toTell(at(1_100)), [second, own])
  // The peer has not noticed yet.
  relays.onTold([own, second], second, at(1_200))
  assert.equal(relays.best(at(1_200)), second)
})

test('a peer that replies by the relay stays there, and is asked once a second while data stay unanswered', () => {
  const { relays, probes, replyTo } = world(own, second)
  for (let now = 300; now <= 10_000; now += 100) {
    const count = probes.length
    assert.equal(relays.check(own, unanswered(0, now), at(now)), undefined)
    if (probes.length > count) replyTo(probes.length - 1, at(now + 50))
  }
  assert.ok(probes.length >= 10 && probes.length <= 12, `${probes.length} probes`)
  // And is told that nothing of its own arrives.
  assert.deepEqual(
    probes.slice(0, 3).map(({ unheard }) => unheard),
    [false, true, true],
  )
})

test('after the last word of a talk one probe that is answered is enough', () => {
  const { relays, probes, replyTo } = world(own, second)
  for (let now = 300; now <= 9_000; now += 100) {
    relays.check(own, unanswered(0, 0), at(now))
    if (now === 300) replyTo(0, at(350))
  }
  assert.equal(probes.length, 1)
})

test('a relay that failed is used again once the peer has replied by it, and asked for that ever more rarely', () => {
  const { relays, probes, replyTo } = world(own, second)
  run(relays, own, 300, 2_000)
  replyTo(probes.length - 1, at(1_200))
  for (let now = 1_300; now < 60_000; now += 100) relays.check(second, ANSWERED, at(now))
  assert.equal(relays.best(at(60_000)), second)
  const tries = probes.slice(4).filter(({ relay }) => relay === own)
  assert.ok(tries.length >= 6 && tries.length <= 10, `${tries.length} probes`)
  for (let now = 60_000; !relays.best(at(now))?.startsWith('a'); now += 100) {
    assert.ok(now < 300_000)
    const count = probes.length
    relays.check(second, ANSWERED, at(now))
    if (probes.length > count) replyTo(probes.length - 1, at(now + 50))
  }
})

test('a peer that replies to no probe, as of an older version, is tried by a relay again after a while', () => {
  const { relays } = world(own, second)
  run(relays, own, 300, 2_000)
  assert.equal(relays.best(at(11_000)), second)
  assert.equal(relays.best(at(11_200)), own)
})

test('who hears nothing by another relay is sent to by that by which it asks, until it calls by another', () => {
  const { relays, replies } = world(own, second)
  relays.onTold([own], undefined, at(0))
  const probe = { kind: 'relay-probe', sequence: 1, transaction: '00'.repeat(8) } as const
  assert.equal(relays.onProbe({ ...probe, unheard: false }, second, at(100)), false)
  assert.equal(relays.best(at(100)), own)
  assert.equal(relays.onProbe({ ...probe, unheard: true }, second, at(200)), true)
  assert.equal(relays.best(at(200)), second)
  assert.deepEqual(replies, [second, second])
  relays.onTold([own], own, at(300))
  assert.equal(relays.best(at(300)), own)
})

test('a reply counts once, for what was asked, and by the relay that was asked', () => {
  const { relays, probes } = world(own, second)
  relays.check(own, unanswered(0, 300), at(300))
  const { transaction } = probes[0] ?? assert.fail()
  relays.onReply(transaction, second, at(310))
  relays.onReply('ff'.repeat(8), own, at(310))
  assert.equal(run(relays, own, 400, 2_000)?.at, 1_100)
})

const ANSWERED: PeerMeter = {
  sentBytes: 0,
  receivedBytes: 0,
  lastSent: at(0),
  lastReceived: at(0),
  unansweredSince: undefined,
  owedSince: undefined,
}

const unanswered = (since: number, lastSent: number): PeerMeter => ({
  ...ANSWERED,
  unansweredSince: at(since),
  lastSent: at(lastSent),
})

/** Data since 0 are unanswered; when, and for which, the relay is left. */
function run(relays: PeerRelays, relay: NodeId, from: number, to: number) {
  for (let now = from; now <= to; now += 100) {
    const next = relays.check(relay, unanswered(0, now), at(now))
    if (next !== undefined) return { at: now, next }
  }
  return undefined
}

function world(...relays: NodeId[]) {
  const wants: (readonly NodeId[])[] = []
  const doubts: (readonly [NodeId, string])[] = []
  const probes: { readonly relay: NodeId; readonly transaction: string; readonly unheard: boolean }[] = []
  const replies: NodeId[] = []
  let searches = 0
  const made = new PeerRelays({
    random: seededRandom(3),
    relays: () => relays,
    wantRelays: (wanted) => void wants.push(wanted),
    searchRelays: () => {
      searches++
    },
    doubt: (relay, complaint) => void doubts.push([relay, complaint]),
    nextSequence: () => 1,
    send: ({ relay }, message: ProbeMessage) => {
      if (message.kind === 'relay-probe') probes.push({ relay, ...message })
      else replies.push(relay)
    },
  })
  const replyTo = (at: number, now: ReturnType<typeof instant>) => {
    const { transaction, relay } = probes[at] ?? assert.fail()
    made.onReply(transaction, relay, now)
  }
  return { wants, doubts, probes, replies, replyTo, connected: relays, searches: () => searches, relays: made }
}
