import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familyOf, ipBytes, ipFromBytes, prefixContains, prefixOf } from '@weft/base'
import fc from 'fast-check'
import { AddressRanges } from '../src/address-ranges.ts'

test('a set of ranges has what any of its prefixes contains, and nothing else', () => {
  // Few values for each byte, so that prefixes contain each other and addresses are near their ends.
  const byte = fc.constantFrom(0, 1, 127, 128, 254, 255)
  const address = (length: 4 | 16) =>
    fc.array(byte, { minLength: length, maxLength: length }).map((bytes) => ipFromBytes(Uint8Array.from(bytes)))
  const either = fc.oneof(address(4), address(16))
  const prefix = fc
    .tuple(either, fc.nat(128))
    .map(([at, length]) => prefixOf(at, Math.min(length, 8 * ipBytes(at).length)))
  fc.assert(
    fc.property(
      fc.array(prefix, { maxLength: 40 }),
      fc.array(either, { minLength: 1, maxLength: 20 }),
      (prefixes, asked) => {
        for (const at of asked) {
          const ranges = new AddressRanges(prefixes, familyOf(at))
          assert.equal(
            ranges.has(wordsOf(ipBytes(at)), 1),
            prefixes.some((each) => prefixContains(each, at)),
            at,
          )
        }
      },
    ),
    { numRuns: 500 },
  )
})

/** Behind a word of something else. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(5)
  const view = new DataView(bytes.buffer)
  for (let i = 1; i <= bytes.length / 4; i++) words[5 - i] = view.getUint32(bytes.length - 4 * i)
  return words
}
