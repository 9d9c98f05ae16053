import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StagedPackets } from '../src/index.ts'

const memory = Uint8Array.from({ length: 16 }, (_, i) => i)

test('packets come out in the order they went in, as they were then', () => {
  const staged = new StagedPackets(4)
  const changing = memory.slice()
  assert.ok(staged.push(changing, 0, 3))
  assert.ok(staged.push(changing, 4, 2))
  changing.fill(0xff)
  assert.deepEqual(staged.shift(), Uint8Array.of(0, 1, 2))
  assert.deepEqual(staged.shift(), Uint8Array.of(4, 5))
  assert.equal(staged.shift(), undefined)
})

test('when full, the oldest makes room and that is told', () => {
  const staged = new StagedPackets(2)
  assert.ok(staged.push(memory, 1, 1))
  assert.ok(staged.push(memory, 2, 1))
  assert.ok(!staged.push(memory, 3, 1))
  assert.equal(staged.length, 2)
  assert.deepEqual(staged.shift(), Uint8Array.of(2))
})

test('clearing tells how many were dropped', () => {
  const staged = new StagedPackets(8)
  for (let i = 0; i < 5; i++) staged.push(memory, i, 1)
  assert.equal(staged.clear(), 5)
  assert.equal(staged.length, 0)
  assert.equal(staged.clear(), 0)
})
