import { byteAt, uint16At } from './memory.ts'

/*
 * What every IP packet begins with, read in place: the packet lies at `offset` of `memory`, in at most `length` bytes.
 *
 *             version  total length            protocol      source   destination
 *   IPv4      0 (high) 2, header included      9             12, 4    16, 4          RFC 791 §3.1
 *   IPv6      0 (high) 4, header not included  6 (the first) 8, 16    24, 16         RFC 8200 §3
 */
export const IPV4_HEADER = 20
export const IPV6_HEADER = 40

export const PROTOCOL_ICMP = 1
export const PROTOCOL_TCP = 6
export const PROTOCOL_UDP = 17
export const PROTOCOL_ICMP6 = 58

/** 4 or 6; 0 for anything else. */
export function ipVersion(memory: Uint8Array, offset: number, length: number): 0 | 4 | 6 {
  if (length < 1) return 0
  const version = byteAt(memory, offset) >>> 4
  return version === 4 || version === 6 ? version : 0
}

/** The packet's length as its header tells; 0 where the header is malformed or tells more than `length`. */
export function ipTotalLength(memory: Uint8Array, offset: number, length: number): number {
  const total = claimedLength(memory, offset, length)
  return total <= length ? total : 0
}

/** As `ipTotalLength`, but the packet may be cut: ICMP errors quote only the beginning. */
export function claimedLength(memory: Uint8Array, offset: number, length: number): number {
  switch (ipVersion(memory, offset, length)) {
    case 4: {
      if (length < IPV4_HEADER) return 0
      const headerLength = ipv4HeaderLength(memory, offset)
      const total = uint16At(memory, offset + 2)
      return headerLength >= IPV4_HEADER && headerLength <= length && headerLength <= total ? total : 0
    }
    case 6:
      // A jumbogram (RFC 2675) tells 0 here and is taken as a bare header: no link of ours carries one.
      return length < IPV6_HEADER ? 0 : IPV6_HEADER + uint16At(memory, offset + 4)
    case 0:
      return 0
  }
}

export const ipv4HeaderLength = (memory: Uint8Array, offset: number): number => (byteAt(memory, offset) & 15) * 4

/** Where the source address lies, in a packet that has a total length; 4 or 16 bytes by its version. */
export const sourceOffset = (memory: Uint8Array, offset: number): number =>
  byteAt(memory, offset) >>> 4 === 4 ? offset + 12 : offset + 8

export const destinationOffset = (memory: Uint8Array, offset: number): number =>
  byteAt(memory, offset) >>> 4 === 4 ? offset + 16 : offset + 24

export const addressLength = (version: 4 | 6): number => (version === 4 ? 4 : 16)
