import {
  claimedLength,
  IPV6_HEADER,
  ipv4HeaderLength,
  PROTOCOL_ICMP,
  PROTOCOL_ICMP6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from './ip-header.ts'
import { byteAt, uint16At, uint32At } from './memory.ts'

/** All of an upper layer's packet. */
export const FRAGMENT_NONE = 0
/** The beginning of an upper layer's packet, ports included. */
export const FRAGMENT_FIRST = 1
/** A part without ports. */
export const FRAGMENT_LATER = 2

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const DESTINATION_OPTIONS = 60
const SCTP = 132
const DCCP = 33
const UDP_LITE = 136

/** More extension headers than any honest sender uses; a longer chain is malformed. */
const MAX_EXTENSION_HEADERS = 8

/**
 * One IP packet, read in place down to its ports. An instance is filled again and again, so that reading allocates
 * nothing; its fields hold until the next `read`, and only where that was true. Offsets count from the memory's beginning.
 */
export class PacketView {
  version: 4 | 6 = 4
  totalLength = 0
  sourceOffset = 0
  destinationOffset = 0
  /** Of the upper layer; extension headers are walked. In a later IPv6 fragment, of what the first one begins with. */
  protocol = 0
  /** Where the upper layer's header, or in a later fragment its part, begins. */
  transportOffset = 0
  /** Bytes of the upper layer that are there. */
  transportLength = 0
  fragment: typeof FRAGMENT_NONE | typeof FRAGMENT_FIRST | typeof FRAGMENT_LATER = FRAGMENT_NONE
  /** Of a fragment: in bytes, from the beginning of the upper layer's packet. */
  fragmentOffset = 0
  /** Of a fragment: 16 bits in IPv4, 32 in IPv6. */
  identification = 0
  /** 0 where the protocol has no ports, and where they are not there. */
  sourcePort = 0
  destinationPort = 0
  /** TCP's flags as in its header's byte 13. */
  tcpFlags = 0
  /** -1 where the packet is not ICMP of its own family, or the header is not there. */
  icmpType = -1
  /** Of an ICMP echo request or reply; meaningless in other types. */
  icmpIdentifier = 0

  /** False: malformed, or longer than `length`; the fields then mean nothing. */
  read(memory: Uint8Array, offset: number, length: number): boolean {
    const total = claimedLength(memory, offset, length)
    return total !== 0 && total <= length && this.#readWithin(memory, offset, total, total)
  }

  /** Reads a packet that an ICMP error quotes: it may be cut anywhere behind its IP headers. */
  readQuoted(memory: Uint8Array, offset: number, length: number): boolean {
    const total = claimedLength(memory, offset, length)
    return total !== 0 && this.#readWithin(memory, offset, total, Math.min(total, length))
  }

  #readWithin(memory: Uint8Array, offset: number, total: number, present: number): boolean {
    this.totalLength = total
    this.fragment = FRAGMENT_NONE
    this.fragmentOffset = 0
    this.identification = 0
    const end = offset + present
    const isRead =
      byteAt(memory, offset) >>> 4 === 4 ? this.#readIpv4(memory, offset) : this.#readIpv6(memory, offset, end)
    if (!isRead) return false
    this.transportLength = end - this.transportOffset
    this.#readTransport(memory)
    return true
  }

  #readIpv4(memory: Uint8Array, offset: number): boolean {
    this.version = 4
    this.sourceOffset = offset + 12
    this.destinationOffset = offset + 16
    this.protocol = byteAt(memory, offset + 9)
    this.transportOffset = offset + ipv4HeaderLength(memory, offset)
    const field = uint16At(memory, offset + 6)
    this.#readFragment((field & 0x1fff) * 8, (field & 0x2000) !== 0, uint16At(memory, offset + 4))
    return true
  }

  #readIpv6(memory: Uint8Array, offset: number, end: number): boolean {
    this.version = 6
    this.sourceOffset = offset + 8
    this.destinationOffset = offset + 24
    this.protocol = byteAt(memory, offset + 6)
    this.transportOffset = offset + IPV6_HEADER
    for (let headers = 0; isExtension(this.protocol); headers++) {
      const at = this.transportOffset
      if (headers === MAX_EXTENSION_HEADERS || at + 8 > end) return false
      const isFragment = this.protocol === FRAGMENT
      this.protocol = byteAt(memory, at)
      this.transportOffset = at + (isFragment ? 8 : 8 + byteAt(memory, at + 1) * 8)
      if (this.transportOffset > end) return false
      if (!isFragment) continue
      const field = uint16At(memory, at + 2)
      this.#readFragment(field & 0xfff8, (field & 1) !== 0, uint32At(memory, at + 4))
      if (this.fragment === FRAGMENT_LATER) return true
    }
    return true
  }

  #readFragment(at: number, hasMore: boolean, identification: number): void {
    // Offset 0 with nothing to follow is a whole packet, an "atomic fragment". RFC 6946.
    if (at === 0 && !hasMore) return
    this.fragment = at === 0 ? FRAGMENT_FIRST : FRAGMENT_LATER
    this.fragmentOffset = at
    this.identification = identification
  }

  #readTransport(memory: Uint8Array): void {
    this.sourcePort = 0
    this.destinationPort = 0
    this.tcpFlags = 0
    this.icmpType = -1
    this.icmpIdentifier = 0
    if (this.fragment === FRAGMENT_LATER) return
    const at = this.transportOffset
    if (hasPorts(this.protocol)) {
      if (this.transportLength < 4) return
      this.sourcePort = uint16At(memory, at)
      this.destinationPort = uint16At(memory, at + 2)
      if (this.protocol === PROTOCOL_TCP && this.transportLength >= 14) this.tcpFlags = byteAt(memory, at + 13)
    } else if (this.protocol === (this.version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6)) {
      if (this.transportLength < 8) return
      this.icmpType = byteAt(memory, at)
      this.icmpIdentifier = uint16At(memory, at + 4)
    }
  }
}

function isExtension(protocol: number): boolean {
  return protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT || protocol === DESTINATION_OPTIONS
}

function hasPorts(protocol: number): boolean {
  return (
    protocol === PROTOCOL_TCP ||
    protocol === PROTOCOL_UDP ||
    protocol === SCTP ||
    protocol === DCCP ||
    protocol === UDP_LITE
  )
}
