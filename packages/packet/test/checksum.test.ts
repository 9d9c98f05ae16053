import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '@weft/base'
import { checksum, onesSum, pseudoHeaderSum, putUint16 } from '@weft/packet'
import fc from 'fast-check'

test('the example of RFC 1071 §3 holds', () => {
  assert.equal(onesSum(bytes('0001f203f4f5f6f7'), 0, 8), 0xddf2)
})

test('a published IPv4 header has the checksum that it says', () => {
  const header = bytes('45000073000040004011b861c0a80001c0a800c7')
  assert.equal(checksum(header, 0, 20), 0)
  putUint16(header, 10, 0)
  assert.equal(checksum(header, 0, 20), 0xb861)
})

test('the checksum is that of the slow definition, for any bytes anywhere', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), fc.nat(0xffff), (data, offset, initial) => {
      const memory = new Uint8Array(offset + data.length + 3).fill(0xaa)
      memory.set(data, offset)
      assert.equal(checksum(memory, offset, data.length, initial), slowChecksum(data, initial))
    }),
  )
})

test('65,535 bytes of ones do not overflow', () => {
  const longest = new Uint8Array(65_535).fill(0xff)
  assert.equal(checksum(longest, 0, longest.length), slowChecksum(longest, 0))
})

test('the pseudo header is addresses, length and protocol', () => {
  const ipv4 = bytes('45000073000040004011b861c0a80001c0a800c7')
  const pseudo4 = bytes('c0a80001c0a800c700110040')
  assert.equal(pseudoHeaderSum(ipv4, 0, 17, 0x40), onesSum(pseudo4, 0, pseudo4.length))
  const addresses = '20010db8000000000000000000000001fe80000000000000000000000000fffe'
  const ipv6 = bytes(`60000000001a3a40${addresses}`)
  const pseudo6 = bytes(`${addresses}0001001a0000003a`)
  assert.equal(pseudoHeaderSum(ipv6, 0, 58, 0x1001a), onesSum(pseudo6, 0, pseudo6.length))
})

function slowChecksum(data: Uint8Array, initial: number): number {
  let sum = BigInt(initial)
  for (const [i, byte] of data.entries()) sum += BigInt(byte) << (i % 2 === 0 ? 8n : 0n)
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n)
  return Number(sum ^ 0xffffn)
}

function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex)
  assert.ok(decoded !== undefined)
  return decoded
}
