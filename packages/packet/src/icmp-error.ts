import { type IpAddress, invariant, ipBytes } from '@weft/base'
import { buildIcmpPacket } from './ip-builder.ts'
import { addressLength, IPV4_HEADER, IPV6_HEADER, PROTOCOL_ICMP, PROTOCOL_ICMP6 } from './ip-header.ts'
import { byteAt, putUint16, putUint32 } from './memory.ts'
import { FRAGMENT_LATER, PacketView } from './packet-view.ts'

/** What stands before the quoted packet in an ICMP error of either family. */
export const ICMP_ERROR_HEADER = 8

const ICMP4_UNREACHABLE = 3
const ICMP4_FRAGMENTATION_NEEDED = 4
const ICMP4_REDIRECT = 5
const ICMP6_PACKET_TOO_BIG = 2
const ICMP6_REDIRECT = 137

/** The largest error packet: RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c). */
const IPV4_ERROR_LIMIT = 576
const IPV6_ERROR_LIMIT = 1280

/** Whether the view is of an ICMP error that quotes the packet it is about. Redirects quote one too, but report no error. */
export function isIcmpError(view: PacketView): boolean {
  const type = view.icmpType
  if (view.version === 6) return type >= 1 && type <= 4
  return type === ICMP4_UNREACHABLE || type === 4 || type === 11 || type === 12
}

/**
 * The answer to the sender of a packet that the path does not carry: in IPv4 "fragmentation needed" (RFC 1191 §4), also
 * where the packet would allow fragmentation, since we do not fragment and the sender's system then does; in IPv6
 * "packet too big" (RFC 4443 §3.2). `from`: who says so; absent, whom the packet was for. How often it is said is left
 * to the caller. `undefined` where nothing may be answered: RFC 1122 §3.2.2, RFC 4443 §2.4 (e); stricter than
 * the latter, nothing is said about packets to multicast addresses.
 */
export function buildTooBig(packet: Uint8Array, mtu: number, from?: IpAddress): Uint8Array | undefined {
  const view = new PacketView()
  if (!view.read(packet, 0, packet.length) || !mayBeAnswered(packet, view)) return undefined
  const { version, sourceOffset, destinationOffset } = view
  const bytes = addressLength(version)
  const sender = from === undefined ? packet.subarray(destinationOffset, destinationOffset + bytes) : ipBytes(from)
  invariant(sender.length === bytes, 'an ICMP error stays within its family')
  const receiver = packet.subarray(sourceOffset, sourceOffset + bytes)
  const room = version === 4 ? IPV4_ERROR_LIMIT - IPV4_HEADER : IPV6_ERROR_LIMIT - IPV6_HEADER
  const quoted = packet.subarray(0, Math.min(view.totalLength, room - ICMP_ERROR_HEADER))
  const message = new Uint8Array(ICMP_ERROR_HEADER + quoted.length)
  message.set(quoted, ICMP_ERROR_HEADER)
  if (version === 4) {
    message[0] = ICMP4_UNREACHABLE
    message[1] = ICMP4_FRAGMENTATION_NEEDED
    putUint16(message, 6, mtu)
  } else {
    message[0] = ICMP6_PACKET_TOO_BIG
    putUint32(message, 4, mtu)
  }
  return buildIcmpPacket(sender, receiver, message)
}

function mayBeAnswered(packet: Uint8Array, view: PacketView): boolean {
  const { version } = view
  if (view.fragment === FRAGMENT_LATER ? version === 4 : mayBeIcmpError(view)) return false
  return isOneHost(packet, view.sourceOffset, version) && isOneHost(packet, view.destinationOffset, version)
}

/** Also true for redirects, for ICMPv6 errors not known yet (types below 128), and for ICMP too short to tell. */
function mayBeIcmpError(view: PacketView): boolean {
  const { icmpType: type } = view
  if (view.version === 6) return (view.protocol === PROTOCOL_ICMP6 && type < 128) || type === ICMP6_REDIRECT
  return (view.protocol === PROTOCOL_ICMP && type < 0) || isIcmpError(view) || type === ICMP4_REDIRECT
}

/** Neither unspecified, loopback, multicast nor broadcast. In ::/8 there are no hosts: RFC 4291 §2.4. */
function isOneHost(packet: Uint8Array, at: number, version: 4 | 6): boolean {
  const first = byteAt(packet, at)
  return version === 4 ? first !== 0 && first !== 127 && first < 224 : first !== 0 && first !== 0xff
}
