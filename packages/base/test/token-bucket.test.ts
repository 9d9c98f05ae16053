import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instant, TokenBucket } from '../src/index.ts'

test('a bucket gives its burst at once, and then as fast as it fills', () => {
  const bucket = new TokenBucket({ burst: 3, perSecond: 1000 })
  const taken = [0, 0, 0, 0, 0.5, 1, 1, 3].map((at) => bucket.take(instant(at)))
  assert.deepEqual(taken, [true, true, true, false, false, true, false, true])
})

test('a bucket is full at first, whatever the clock says, and never holds more than its burst', () => {
  for (const start of [-5_000, 0, 1, 60_000_000.5]) {
    const bucket = new TokenBucket({ burst: 2, perSecond: 1000 / 1024 })
    assert.ok(bucket.isFull(instant(start)))
    assert.deepEqual(
      [0, 0, 0].map(() => bucket.take(instant(start))),
      [true, true, false],
    )
    assert.ok(!bucket.isFull(instant(start + 2_047)))
    assert.ok(bucket.isFull(instant(start + 2_048)))
    assert.equal(bucket.take(instant(start + 90_000_000), 2.5), false)
  }
})

test('what is too much takes nothing', () => {
  const bucket = new TokenBucket({ burst: 10, perSecond: 1 })
  assert.deepEqual(
    [11, 7, 4, 3, 1].map((amount) => bucket.take(instant(0), amount)),
    [false, true, false, true, false],
  )
})

test('a clock that steps back gives nothing, and does not stop the bucket', () => {
  const bucket = new TokenBucket({ burst: 1, perSecond: 1 })
  assert.equal(bucket.take(instant(5_000)), true)
  assert.equal(bucket.take(instant(0)), false)
  assert.equal(bucket.take(instant(1_000)), true)
})

test('a bucket gives what a slow one gives that goes by each millisecond', () => {
  const steps = fc.array(fc.record({ gap: fc.integer({ min: 0, max: 50 }), amount: fc.integer({ min: 1, max: 7 }) }), {
    maxLength: 300,
  })
  // Fractions of two, in which nothing is rounded.
  const anyRate = fc.record({
    burst: fc.integer({ min: 1, max: 20 }),
    perMillisecond: fc.constantFrom(4, 1, 1 / 2, 1 / 16),
  })
  fc.assert(
    fc.property(anyRate, steps, ({ burst, perMillisecond }, gaps) => {
      const bucket = new TokenBucket({ burst, perSecond: 1000 * perMillisecond })
      let held = burst
      let at = 0
      for (const { gap, amount } of gaps) {
        for (const end = at + gap; at < end; at++) held = Math.min(burst, held + perMillisecond)
        const isEnough = held >= amount
        if (isEnough) held -= amount
        assert.equal(bucket.take(instant(at), amount), isEnough)
        assert.equal(bucket.isFull(instant(at)), held === burst)
      }
    }),
  )
})
