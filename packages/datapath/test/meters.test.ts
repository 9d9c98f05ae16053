import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@weft/base'
import type { PeerIndex } from '@weft/wireguard'
import { DROP_REASONS, DROPS_BYTES, Drops, MAX_PEERS, METERS_BYTES, Meters } from '../src/index.ts'

const FIRST = 0 as PeerIndex
const LAST = (MAX_PEERS - 1) as PeerIndex
const FRESH = {
  sentBytes: 0,
  receivedBytes: 0,
  lastSent: undefined,
  lastReceived: undefined,
  unansweredSince: undefined,
  owedSince: undefined,
}

test('what one thread counts, another reads in the same memory', () => {
  const memory = new SharedArrayBuffer(METERS_BYTES)
  const writer = new Meters(memory)
  const reader = new Meters(memory)
  writer.onSent(LAST, 100, true, instant(0))
  writer.onSent(LAST, 50, false, instant(5))
  assert.deepEqual(reader.meter(LAST), { ...FRESH, sentBytes: 150, lastSent: 5, unansweredSince: 0 })
  assert.deepEqual(reader.meter(FIRST), FRESH)
})

test('data sent stays unanswered since the first, until anything comes', () => {
  const meters = new Meters(new ArrayBuffer(METERS_BYTES))
  meters.onSent(FIRST, 1, true, instant(10))
  meters.onSent(FIRST, 1, true, instant(20))
  assert.equal(meters.meter(FIRST).unansweredSince, 10)
  meters.onReceived(FIRST, 1, false, instant(30))
  assert.equal(meters.isUnanswered(FIRST), false)
  meters.onSent(FIRST, 1, false, instant(40))
  assert.equal(meters.isUnanswered(FIRST), false)
})

test('data received is owed an answer since the first, until anything is sent', () => {
  const meters = new Meters(new ArrayBuffer(METERS_BYTES))
  meters.onReceived(FIRST, 1, true, instant(10))
  meters.onReceived(FIRST, 1, true, instant(20))
  assert.equal(meters.meter(FIRST).owedSince, 10)
  meters.onSent(FIRST, 1, false, instant(30))
  assert.equal(meters.isOwed(FIRST), false)
  meters.onReceived(FIRST, 1, false, instant(40))
  assert.equal(meters.isOwed(FIRST), false)
})

test('a reset touches one peer alone', () => {
  const meters = new Meters(new ArrayBuffer(METERS_BYTES))
  for (const peer of [0, 1, 2]) meters.onSent(peer as PeerIndex, 7, true, instant(1))
  meters.reset(1 as PeerIndex)
  const sent = [0, 1, 2].map((peer) => meters.meter(peer as PeerIndex).sentBytes)
  assert.deepEqual(sent, [7, 0, 7])
})

test('every reason has a counter of its own', () => {
  const drops = new Drops(new ArrayBuffer(DROPS_BYTES))
  DROP_REASONS.forEach((reason, i) => {
    drops.count(reason, i + 1)
  })
  assert.deepEqual(
    Object.entries(drops.read()),
    DROP_REASONS.map((reason, i) => [reason, i + 1]),
  )
})
