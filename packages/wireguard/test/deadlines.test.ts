import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant } from '@weft/base'
import fc from 'fast-check'
import { Deadlines } from '../src/deadlines.ts'

/** A few keys and moments only, so that ties and replacements are frequent. */
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), key: fc.nat(60), at: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear' as const), key: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const), now: fc.nat(10) }) },
  ),
  { minLength: 50, maxLength: 300, size: 'max' },
)

test('the earliest of all deadlines is what looking at every one of them finds', () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const deadlines = new Deadlines<number>()
      const oracle = new Map<number, number>()
      const earliest = (): number | undefined => (oracle.size === 0 ? undefined : Math.min(...oracle.values()))
      for (const step of steps) {
        if (step.kind === 'set') {
          deadlines.set(step.key, instant(step.at))
          oracle.set(step.key, step.at)
        } else if (step.kind === 'clear') {
          deadlines.set(step.key, undefined)
          oracle.delete(step.key)
        } else {
          const due = earliest()
          const key = deadlines.takeDue(instant(step.now))
          if (due === undefined || due > step.now) assert.equal(key, undefined)
          else {
            assert.equal(oracle.get(key ?? -1), due)
            oracle.delete(key ?? -1)
          }
        }
        assert.equal(deadlines.next(), earliest())
      }
    }),
    { numRuns: 500 },
  )
})

test('10,000 deadlines come out in order, each once', () => {
  const deadlines = new Deadlines<number>()
  for (let key = 0; key < 10_000; key++) deadlines.set(key, instant((key * 7919) % 10_007))
  const taken = new Set<number>()
  let last = 0
  for (let next = deadlines.next(); next !== undefined; next = deadlines.next()) {
    const key = deadlines.takeDue(next)
    assert.ok(next >= last && key !== undefined && !taken.has(key))
    assert.equal(next, ((key * 7919) % 10_007) as Instant)
    taken.add(key)
    last = next
  }
  assert.equal(taken.size, 10_000)
})
