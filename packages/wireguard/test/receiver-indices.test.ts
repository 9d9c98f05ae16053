import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant, viewOf } from '@weft/base'
import { ReceiverIndices } from '../src/receiver-indices.ts'

test('an index is not given again while it may be on the wire, and is afterwards', () => {
  const indices = new ReceiverIndices(repeating([5, 5, 6, 5, 7, 5]))
  const start = instant(0)
  assert.equal(indices.take(start), 5)
  assert.equal(indices.take(start), 6)
  assert.equal(indices.take((start + 599_999) as Instant), 7)
  assert.equal(indices.take((start + 600_000) as Instant), 5)
})

function repeating(values: readonly number[]) {
  let at = 0
  return {
    fill(bytes: Uint8Array) {
      viewOf(bytes).setUint32(0, values[at++ % values.length] ?? 0)
    },
  }
}
