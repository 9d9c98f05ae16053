import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DatagramKind, datagramKind } from '../src/datagram-kind.ts'
import { RING_SLOT_BYTES } from '../src/index.ts'

const table: readonly (readonly [name: string, begin: readonly number[], length: number, kind: DatagramKind])[] = [
  ['an initiation', [1, 0, 0, 0], 148, 'handshake'],
  ['an initiation that is cut', [1, 0, 0, 0], 147, 'malformed'],
  ['a response', [2, 0, 0, 0], 92, 'handshake'],
  ["a response of an initiation's length", [2, 0, 0, 0], 148, 'malformed'],
  ['a cookie reply', [3, 0, 0, 0], 64, 'cookie-reply'],
  ['a cookie reply that is cut', [3, 0, 0, 0], 63, 'malformed'],
  ['a keepalive', [4, 0, 0, 0], 32, 'transport'],
  ['transport data without room for a tag', [4, 0, 0, 0], 31, 'malformed'],
  ['a type that WireGuard does not have', [5, 0, 0, 0], 148, 'other'],
  ['a STUN answer', [1, 1, 0, 0x0c], 32, 'other'],
  ['a STUN question', [0, 1, 0, 0], 20, 'other'],
  ["WireGuard's type with a reserved byte set", [4, 0, 0, 1], 64, 'other'],
  ['three bytes', [4, 0, 0], 3, 'other'],
  ['nothing', [], 0, 'malformed'],
  ['the longest that goes up', [9], RING_SLOT_BYTES, 'other'],
  ['one byte more', [9], RING_SLOT_BYTES + 1, 'malformed'],
]

for (const [name, begin, length, kind] of table)
  test(`${name} is ${kind}`, () => {
    const memory = new Uint8Array(8 + length).fill(0xee)
    memory.set(begin, 8)
    assert.equal(datagramKind(memory, 8, length), kind)
  })
