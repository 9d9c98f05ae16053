import { byteAt, uint16At } from './memory.ts'

/**
 * The Internet checksum (RFC 1071) over `length` bytes and what `initial`, a sum made by `onesSum`, stands for.
 * Over bytes that hold their own right checksum it is 0.
 */
export function checksum(memory: Uint8Array, offset: number, length: number, initial = 0): number {
  return ~onesSum(memory, offset, length, initial) & 0xffff
}

/** The folded ones' complement sum, not complemented; a part that another follows has an even length. */
export function onesSum(memory: Uint8Array, offset: number, length: number, initial = 0): number {
  const end = offset + length
  // 65,535 bytes make a sum below 2^31: it is folded once, behind the loop.
  let sum = initial
  let at = offset
  for (; at + 1 < end; at += 2) sum += uint16At(memory, at)
  if (at < end) sum += byteAt(memory, at) << 8
  return fold(sum)
}

/** What the pseudo header adds for the packet at `offset` whose upper layer has `length` bytes. RFC 9293 §3.1, RFC 8200 §8.1. */
export function pseudoHeaderSum(memory: Uint8Array, offset: number, protocol: number, length: number): number {
  const isIpv4 = byteAt(memory, offset) >>> 4 === 4
  const addresses = isIpv4 ? onesSum(memory, offset + 12, 8) : onesSum(memory, offset + 8, 32)
  return fold(addresses + protocol + (length >>> 16) + (length & 0xffff))
}

function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
  return folded
}
