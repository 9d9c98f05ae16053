import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena, setUint64 } from '../src/index.ts'

test('low memory is zeroed, can be written, and lies where its addresses are small integers', () => {
  const arena = new Arena(10_000, true)
  const at = arena.take(8)
  assert.ok(arena.base + arena.bytes.length < 2 ** 31)
  assert.ok(arena.bytes.every((byte) => byte === 0))
  arena.setPointer(at, at)
  assert.equal(arena.view.getUint32(at, true), arena.base + at)
  arena.release()
})

test('what is taken from an arena is aligned, apart, and inside', () => {
  const arena = new Arena(256)
  const first = arena.take(3)
  const second = arena.take(10, 64)
  const third = arena.take(2, 4)
  assert.equal((arena.base + second) % 64, 0)
  assert.equal((arena.base + third) % 4, 0)
  assert.ok(second >= first + 3 && third >= second + 10)
  assert.throws(() => arena.take(256), { name: 'InvariantError' })
})

test('a pointer is the address of what it points at', () => {
  const arena = new Arena(64)
  arena.setPointer(8, 32)
  assert.equal(arena.view.getBigUint64(8, true), BigInt(arena.base + 32))
})

test('numbers up to 2^53 - 1 are written as 64 bits', () => {
  const view = new DataView(new ArrayBuffer(8))
  for (const value of [0, 1, 0xffffffff, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    setUint64(view, 0, value)
    assert.equal(view.getBigUint64(0, true), BigInt(value))
  }
})
