import { checksum, pseudoHeaderSum } from './checksum.ts'
import { IPV4_HEADER, IPV6_HEADER, PROTOCOL_ICMP, PROTOCOL_ICMP6 } from './ip-header.ts'
import { putUint16 } from './memory.ts'

const HOP_LIMIT = 64
const DONT_FRAGMENT = 0x4000

/** A packet without options around the upper layer's bytes; addresses of 4 or 16 bytes, both of one family. */
export function buildIpPacket(options: {
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly protocol: number
  readonly payload: Uint8Array
}): Uint8Array {
  const { source, destination, protocol, payload } = options
  const header = source.length === 4 ? IPV4_HEADER : IPV6_HEADER
  const packet = new Uint8Array(header + payload.length)
  packet.set(payload, header)
  if (header === IPV4_HEADER) {
    packet[0] = 0x45
    putUint16(packet, 2, packet.length)
    putUint16(packet, 6, DONT_FRAGMENT)
    packet[8] = HOP_LIMIT
    packet[9] = protocol
    packet.set(source, 12)
    packet.set(destination, 16)
    putUint16(packet, 10, checksum(packet, 0, IPV4_HEADER))
  } else {
    packet[0] = 0x60
    putUint16(packet, 4, payload.length)
    packet[6] = protocol
    packet[7] = HOP_LIMIT
    packet.set(source, 8)
    packet.set(destination, 24)
  }
  return packet
}

/** As `buildIpPacket`, around an ICMP message of the family whose checksum is put in. RFC 792, RFC 4443 §2.3. */
export function buildIcmpPacket(source: Uint8Array, destination: Uint8Array, message: Uint8Array): Uint8Array {
  const isIpv4 = source.length === 4
  const protocol = isIpv4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6
  const packet = buildIpPacket({ source, destination, protocol, payload: message })
  const at = packet.length - message.length
  const pseudo = isIpv4 ? 0 : pseudoHeaderSum(packet, 0, protocol, message.length)
  putUint16(packet, at + 2, 0)
  putUint16(packet, at + 2, checksum(packet, at, message.length, pseudo))
  return packet
}
