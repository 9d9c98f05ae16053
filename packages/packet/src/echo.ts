import { familyOf, type IpAddress, invariant, ipBytes } from '@weft/base'
import { checksum, pseudoHeaderSum } from './checksum.ts'
import { buildIcmpPacket } from './ip-builder.ts'
import { PROTOCOL_ICMP6 } from './ip-header.ts'
import { putUint16, uint16At } from './memory.ts'
import { FRAGMENT_NONE, PacketView } from './packet-view.ts'

/*
 * ICMP echo, RFC 792 and RFC 4443 §4:
 *   0 type   1 code: 0   2 checksum, 2   4 identifier, 2   6 sequence, 2   8 data
 */
export const ECHO_HEADER = 8
export const ICMP4_ECHO_REQUEST = 8
export const ICMP4_ECHO_REPLY = 0
export const ICMP6_ECHO_REQUEST = 128
export const ICMP6_ECHO_REPLY = 129

export interface EchoReply {
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}

/** Both addresses of one family; `identifier` and `sequence` have 16 bits. */
export function buildEchoRequest(options: {
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}): Uint8Array {
  const { source, destination, data } = options
  invariant(familyOf(source) === familyOf(destination), 'an echo request stays within its family')
  const message = new Uint8Array(ECHO_HEADER + data.length)
  message[0] = familyOf(source) === 4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST
  putUint16(message, 4, options.identifier)
  putUint16(message, 6, options.sequence)
  message.set(data, ECHO_HEADER)
  return buildIcmpPacket(ipBytes(source), ipBytes(destination), message)
}

/** `undefined` where the packet is no whole echo reply with a right checksum. */
export function readEchoReply(packet: Uint8Array): EchoReply | undefined {
  const view = new PacketView()
  if (!view.read(packet, 0, packet.length) || !isEchoReply(view)) return undefined
  const { transportOffset: at, transportLength: length } = view
  const pseudo = view.version === 4 ? 0 : pseudoHeaderSum(packet, 0, PROTOCOL_ICMP6, length)
  if (packet[at + 1] !== 0 || checksum(packet, at, length, pseudo) !== 0) return undefined
  return {
    identifier: view.icmpIdentifier,
    sequence: uint16At(packet, at + 6),
    data: packet.slice(at + ECHO_HEADER, at + length),
  }
}

/** Whether the packet that the view was filled from is a whole echo reply, as far as its type tells. */
export function isEchoReply(view: PacketView): boolean {
  if (view.fragment !== FRAGMENT_NONE) return false
  return view.icmpType === (view.version === 4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY)
}
