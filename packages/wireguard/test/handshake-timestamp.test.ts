import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type WallTime, wallTime } from '@weft/base'
import { isLaterTimestamp, TimestampSource } from '../src/handshake-timestamp.ts'
import { SeededRandom } from './support/seeded-random.ts'

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

test('no timestamp is later than the bound that was reserved before it, and a bound lasts about a minute', () => {
  let bound = 0
  let reservations = 0
  const source = new TimestampSource({
    reserve: (next) => {
      assert.ok(next > bound, 'bounds grow')
      bound = next
      reservations += 1
    },
  })
  const random = new SeededRandom(3)
  let wall = 1_700_000_000_000
  for (let i = 0; i < 5000; i++) {
    wall += random.below(1000)
    const at = millisecondsOf(source.next(wallTime(wall)))
    assert.ok(at <= bound && bound <= wall + 61_000, `at ${wall}`)
  }
  const minutes = (wall - 1_700_000_000_000) / 60_000
  assert.ok(reservations >= minutes && reservations <= minutes + 2, `${reservations} in ${minutes} minutes`)
})

test('after a restart with the bound, all timestamps are later than all before, whatever the clock says', () => {
  const random = new SeededRandom(4)
  let bound: WallTime | undefined
  let last: Uint8Array = new Uint8Array(12)
  let wall = 1_700_000_000_000
  for (let restart = 0; restart < 200; restart++) {
    const source = new TimestampSource({
      bound,
      reserve: (next) => {
        bound = next
      },
    })
    wall += random.chance(0.2) ? -random.below(10 * 24 * 3_600_000) : random.below(10_000)
    for (let i = 0; i < 5; i++) {
      const next = source.next(wallTime(wall + i))
      assert.ok(isLaterTimestamp(next, last), `restart ${restart}`)
      last = next
    }
  }
})

test('restarts that follow one another with a right clock do not run ahead of it', () => {
  let bound: WallTime | undefined
  for (let restart = 0; restart < 1000; restart++) {
    const source = new TimestampSource({
      bound,
      reserve: (next) => {
        bound = next
      },
    })
    source.next(wallTime(1_700_000_000_000 + restart * 2000))
  }
  assert.ok((bound ?? 0) <= 1_700_000_000_000 + 1000 * 2000 + 61_000)
})

function millisecondsOf(timestamp: Uint8Array): number {
  const view = new DataView(timestamp.buffer)
  return (Number(view.getBigUint64(0) - 2n ** 62n) - 10) * 1000 + view.getUint32(8) / 1_000_000
}
