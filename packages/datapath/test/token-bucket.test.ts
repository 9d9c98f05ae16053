import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@weft/base'
import fc from 'fast-check'
import { TokenBucket } from '../src/token-bucket.ts'

test('a bucket gives its burst at once, and then as fast as it fills', () => {
  const bucket = new TokenBucket(1000, 3)
  const taken = [0, 0, 0, 0, 0.5, 1, 1, 3].map((at) => bucket.take(instant(at)))
  assert.deepEqual(taken, [true, true, true, false, false, true, false, true])
})

test('a bucket never holds more than its burst', () => {
  const bucket = new TokenBucket(1000, 2)
  assert.equal(bucket.take(instant(0)), true)
  const taken = [1, 2, 3].map(() => bucket.take(instant(60_000)))
  assert.deepEqual(taken, [true, true, false])
})

test('in any time no more is given than the burst and what fills meanwhile', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 300 }), (gaps) => {
      const bucket = new TokenBucket(100, 5)
      let at = 0
      let taken = 0
      for (const gap of gaps) {
        at += gap
        if (bucket.take(instant(at))) taken += 1
      }
      assert.ok(taken <= 5 + at / 10)
    }),
  )
})
