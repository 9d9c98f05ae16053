import assert from 'node:assert/strict'
import { it } from 'node:test'
import { instant } from '@weft/base'
import { RateLimit } from '../src/rate-limit.ts'

it('lets a burst through, then as many a second as agreed, and saves up no more than a burst', () => {
  const limit = new RateLimit({ burst: 3, perSecond: 2 })
  const passed = (at: number, tries: number) =>
    Array.from({ length: tries }, () => limit.take(instant(at))).filter(Boolean).length
  assert.equal(passed(0, 10), 3)
  assert.equal(passed(499, 10), 0)
  assert.equal(passed(1_000, 10), 2)
  assert.equal(passed(100_000, 10), 3)
})

it('is not moved by a clock that steps back', () => {
  const limit = new RateLimit({ burst: 1, perSecond: 1 })
  assert.equal(limit.take(instant(5_000)), true)
  assert.equal(limit.take(instant(0)), false)
  assert.equal(limit.take(instant(1_000)), true)
})
