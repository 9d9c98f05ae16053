import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  isZero,
  textOf,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from '../src/index.ts'

const bytes = fc.uint8Array({ maxLength: 100 })

test('every encoding gives back the same bytes', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      assert.deepEqual(fromHex(toHex(value)), value)
      assert.deepEqual(fromBase64(toBase64(value)), value)
      assert.deepEqual(fromBase64Url(toBase64Url(value)), value)
      assert.equal(toHex(value), Buffer.from(value).toString('hex'))
      assert.equal(toBase64(value), Buffer.from(value).toString('base64'))
      assert.equal(toBase64Url(value), Buffer.from(value).toString('base64url'))
    }),
  )
})

test('text that is not the canonical encoding of any bytes is refused', () => {
  for (const text of ['a', 'zz', '0g', ' 00']) assert.equal(fromHex(text), undefined, text)
  for (const text of ['AA', 'AA=', 'AB==', 'AA==\n', ' AA==', 'A-_=', '===='])
    assert.equal(fromBase64(text), undefined, text)
  for (const text of ['AA==', 'AB', 'A', '+A', 'AA ']) assert.equal(fromBase64Url(text), undefined, text)
})

test('joined bytes are all parts in order', () => {
  fc.assert(
    fc.property(fc.array(bytes), (parts) => {
      assert.deepEqual(concatBytes(...parts), Uint8Array.from(parts.flatMap((part) => [...part])))
    }),
  )
})

test('bytes are equal only with the same length and content', () => {
  fc.assert(fc.property(bytes, bytes, (a, b) => equalBytes(a, b) === (toHex(a) === toHex(b))))
  assert.equal(isZero(new Uint8Array(9)), true)
  assert.equal(isZero(Uint8Array.of(0, 0, 1)), false)
})

test('bytes that are not UTF-8 are no text', () => {
  assert.equal(textOf(utf8('weft ✓')), 'weft ✓')
  assert.equal(textOf(Uint8Array.of(0xff, 0xfe)), undefined)
})
