import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { onesSum, SummedMemory } from '../src/index.ts'

test('four bytes at a time give the sum that two at a time give, at any offset', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(20),
      fc.nat(300),
      fc.nat(0xffff),
      (bytes, offset, length, initial) => {
        const memory = new Uint8Array(400)
        memory.set(bytes, 7)
        assert.equal(new SummedMemory(memory).sum(offset, length, initial), onesSum(memory, offset, length, initial))
      },
    ),
  )
})

test('the longest packet of ones is summed without overflow', () => {
  const memory = new Uint8Array(65_540).fill(255)
  for (const offset of [0, 1, 2, 3])
    assert.equal(new SummedMemory(memory).sum(offset, 65_535, 0xffff), onesSum(memory, offset, 65_535, 0xffff))
})
