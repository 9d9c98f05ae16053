import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, endpointBytes, instant } from '@weft/base'
import { OriginLimits } from '../src/origin-limits.ts'

const originOf = (text: string): Uint8Array => endpointBytes(text as Endpoint)

test('an address has 5 handshakes at once and then 20 a second, whatever its port', () => {
  const limits = new OriginLimits()
  let taken = 0
  for (let ms = 0; ms <= 10_000; ms++)
    if (limits.take(originOf(`192.0.2.1:${1 + (ms % 60_000)}`), instant(ms))) taken += 1
  assert.equal(taken, 5 + 200)
})

test('a long rest is worth no more than 5 at once', () => {
  const limits = new OriginLimits()
  const takenAt = (ms: number): number => {
    let taken = 0
    while (limits.take(originOf('192.0.2.1:1'), instant(ms))) taken += 1
    return taken
  }
  assert.equal(takenAt(0), 5)
  assert.equal(takenAt(3_600_000), 5)
})

test('what one address takes is not missed by another', () => {
  const limits = new OriginLimits()
  while (limits.take(originOf('192.0.2.1:1'), instant(0)));
  assert.ok(limits.take(originOf('192.0.2.2:1'), instant(0)))
})

test('the addresses of one IPv6 /64 share, those of another do not', () => {
  const limits = new OriginLimits()
  let host = 0
  while (limits.take(originOf(`[2001:db8:0:1::${(host++).toString(16)}]:1`), instant(0)));
  assert.equal(host, 6)
  assert.ok(limits.take(originOf('[2001:db8:0:2::1]:1'), instant(0)))
})

test('the table is bounded: a newcomer waits while it is full of active ones, and the known go on', () => {
  const limits = new OriginLimits()
  const numbered = (n: number): Uint8Array => originOf(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:9`)
  for (let n = 0; n < 4096; n++) assert.ok(limits.take(numbered(n), instant(0)))
  for (let n = 4096; n < 100_000; n++) assert.ok(!limits.take(numbered(n), instant(n / 1000)))
  assert.equal(limits.size, 4096)
  assert.ok(limits.take(numbered(7), instant(100)))
  assert.ok(limits.take(numbered(5000), instant(2000)), 'the rested are forgotten')
  assert.equal(limits.size, 1)
})

test('bytes that are no address are a source of their own', () => {
  const limits = new OriginLimits()
  const relay = new Uint8Array(32).fill(0x61)
  const other = relay.slice()
  other[31] = 0x62
  while (limits.take(relay, instant(0)));
  assert.ok(limits.take(other, instant(0)))
  assert.ok(limits.take(new Uint8Array(0), instant(0)))
})
