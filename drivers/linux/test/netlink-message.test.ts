import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeAttributes, decodeMessages, encodeAttribute, encodeMessage, uint32 } from '../src/netlink-message.ts'

describe('a netlink message', () => {
  it('is laid out as in netlink(7)', () => {
    const bytes = encodeMessage({ type: 20, flags: 0x405, body: Uint8Array.of(1, 2, 3, 4) }, 7)
    assert.equal(bytes.toHex(), '140000001400050407000000' + '00000000' + '01020304')
    assert.deepEqual(decodeMessages(bytes), [{ type: 20, flags: 0x405, body: Uint8Array.of(1, 2, 3, 4) }])
  })

  it('holds attributes padded to four bytes', () => {
    const bytes = encodeAttribute(3, Uint8Array.of(0x77, 0x65, 0x66, 0x74, 0))
    assert.equal(bytes.toHex(), '09000300' + '7765667400' + '000000')
    assert.deepEqual(decodeAttributes(bytes).get(3), Uint8Array.of(0x77, 0x65, 0x66, 0x74, 0))
    assert.equal(encodeAttribute(4, uint32(1420)).toHex(), '08000400' + '8c050000')
  })

  it('ends at what is malformed, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        for (const { body } of decodeMessages(bytes)) decodeAttributes(body)
        for (const value of decodeAttributes(bytes).values()) assert.ok(value.length <= bytes.length)
      }),
    )
  })
})
