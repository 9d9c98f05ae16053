import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wallTime } from '@weft/base'
import { isLaterTimestamp, TimestampSource } from '../src/handshake-timestamp.ts'

test('a timestamp is TAI64N: 2^62 + 10 seconds ahead of Unix time, big-endian', () => {
  const timestamp = new TimestampSource({ reserve: () => undefined }).next(wallTime(1_700_000_000_500))
  assert.equal(timestamp.subarray(0, 8).toHex(), (2n ** 62n + 10n + 1_700_000_000n).toString(16).padStart(16, '0'))
  const nanoseconds = Number.parseInt(timestamp.subarray(8).toHex(), 16)
  assert.ok(nanoseconds <= 500_000_000 && nanoseconds > 500_000_000 - 2 ** 24)
  assert.equal(nanoseconds % 2 ** 24, 0)
})

test('each timestamp is later than the one before, also when the clock stands still or is set back', () => {
  const source = new TimestampSource({ reserve: () => undefined })
  let last = source.next(wallTime(1_700_000_000_000))
  for (const wall of [
    1_700_000_000_000, 1_700_000_000_001, 1_600_000_000_000, 0, -5, 1_700_000_000_999, 1_800_000_000_000,
  ]) {
    const next = source.next(wallTime(wall))
    assert.ok(isLaterTimestamp(next, last), `at ${wall}`)
    assert.ok(!isLaterTimestamp(last, next), `at ${wall}`)
    last = next
  }
})

test('a timestamp is not later than itself', () => {
  const timestamp = new TimestampSource({ reserve: () => undefined }).next(wallTime(1_700_000_000_000))
  assert.ok(!isLaterTimestamp(timestamp, timestamp.slice()))
})
