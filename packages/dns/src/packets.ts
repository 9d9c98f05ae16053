import { type IpAddress, ipBytes, ipFromBytes } from '@weft/base'
import {
  addressLength,
  buildIpPacket,
  checksum,
  FRAGMENT_NONE,
  PacketView,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  pseudoHeaderSum,
  putUint16,
  putUint32,
  uint16At,
  uint32At,
} from '@weft/packet'

/*
 * UDP, RFC 768:  0 source port, 2   2 destination port, 2   4 length, 2   6 checksum, 2   8 data
 * TCP, RFC 9293: 0 source port, 2   2 destination port, 2   4 sequence, 4   8 acknowledged, 4   12 header's length, 1
 *                13 flags, 1   14 window, 2   16 checksum, 2   18 urgent, 2   20 options, data
 */
const UDP_HEADER = 8
const TCP_HEADER = 20
const OPTION_END = 0
const OPTION_NOTHING = 1
const OPTION_MSS = 2
/** Where the other end does not say. RFC 9293 §3.7.1. */
const DEFAULT_MSS = 536

/** The two ends of a packet, as who receives it sees them. */
export interface Ends {
  readonly source: IpAddress
  readonly sourcePort: number
  readonly destination: IpAddress
  readonly destinationPort: number
}

export interface TcpSegment {
  readonly flags: number
  readonly sequence: number
  readonly acknowledged: number
  readonly window: number
  readonly data: Uint8Array
  /** The longest that its sender takes; told with SYN only. */
  readonly mss?: number
}

export type ReadPacket =
  | { readonly kind: 'udp'; readonly ends: Ends; readonly data: Uint8Array }
  | { readonly kind: 'tcp'; readonly ends: Ends; readonly segment: TcpSegment }

/**
 * What a packet from this machine's kernel carries. Checksums are not looked at: nothing was between that could have
 * damaged it, and the kernel leaves some of them to the hardware that there is not.
 */
export function readPacket(packet: Uint8Array): ReadPacket | undefined {
  const view = new PacketView()
  if (!view.read(packet, 0, packet.length) || view.fragment !== FRAGMENT_NONE) return undefined
  const { protocol, transportOffset: at, transportLength: length } = view
  const addressAt = (offset: number) => ipFromBytes(packet.subarray(offset, offset + addressLength(view.version)))
  const ends: Ends = {
    source: addressAt(view.sourceOffset),
    sourcePort: view.sourcePort,
    destination: addressAt(view.destinationOffset),
    destinationPort: view.destinationPort,
  }
  if (protocol === PROTOCOL_UDP) {
    const data = udpData(packet, at, length)
    return data && { kind: 'udp', ends, data }
  }
  const segment = protocol === PROTOCOL_TCP ? tcpSegment(packet, at, length) : undefined
  return segment && { kind: 'tcp', ends, segment }
}

function udpData(packet: Uint8Array, at: number, length: number): Uint8Array | undefined {
  if (length < UDP_HEADER) return undefined
  const claimed = uint16At(packet, at + 4)
  return claimed < UDP_HEADER || claimed > length ? undefined : packet.slice(at + UDP_HEADER, at + claimed)
}

function tcpSegment(packet: Uint8Array, at: number, length: number): TcpSegment | undefined {
  if (length < TCP_HEADER) return undefined
  const header = ((packet[at + 12] ?? 0) >>> 4) * 4
  if (header < TCP_HEADER || header > length) return undefined
  return {
    flags: packet[at + 13] ?? 0,
    sequence: uint32At(packet, at + 4),
    acknowledged: uint32At(packet, at + 8),
    window: uint16At(packet, at + 14),
    data: packet.slice(at + header, at + length),
    mss: mssOf(packet.subarray(at + TCP_HEADER, at + header)),
  }
}

function mssOf(options: Uint8Array): number {
  for (let at = 0; at < options.length; ) {
    const kind = options[at]
    if (kind === OPTION_END) break
    if (kind === OPTION_NOTHING) {
      at += 1
      continue
    }
    const length = options[at + 1] ?? 0
    if (kind === OPTION_MSS && length === 4 && at + 4 <= options.length) return uint16At(options, at + 2)
    if (length < 2) break
    at += length
  }
  return DEFAULT_MSS
}

/** From `ends.source`. */
export function buildUdp(ends: Ends, data: Uint8Array): Uint8Array {
  const payload = new Uint8Array(UDP_HEADER + data.length)
  putUint16(payload, 4, payload.length)
  payload.set(data, UDP_HEADER)
  return seal(ends, PROTOCOL_UDP, payload, 6)
}

/** From `ends.source`. */
export function buildTcp(ends: Ends, segment: TcpSegment): Uint8Array {
  const { mss } = segment
  const header = mss === undefined ? TCP_HEADER : TCP_HEADER + 4
  const payload = new Uint8Array(header + segment.data.length)
  putUint32(payload, 4, segment.sequence)
  putUint32(payload, 8, segment.acknowledged)
  payload[12] = (header / 4) << 4
  payload[13] = segment.flags
  putUint16(payload, 14, segment.window)
  if (mss !== undefined) {
    payload.set([OPTION_MSS, 4], TCP_HEADER)
    putUint16(payload, TCP_HEADER + 2, mss)
  }
  payload.set(segment.data, header)
  return seal(ends, PROTOCOL_TCP, payload, 16)
}

export const answering = ({ source, sourcePort, destination, destinationPort }: Ends): Ends => ({
  source: destination,
  sourcePort: destinationPort,
  destination: source,
  destinationPort: sourcePort,
})

function seal(ends: Ends, protocol: number, payload: Uint8Array, checksumAt: number): Uint8Array {
  putUint16(payload, 0, ends.sourcePort)
  putUint16(payload, 2, ends.destinationPort)
  const packet = buildIpPacket({
    source: ipBytes(ends.source),
    destination: ipBytes(ends.destination),
    protocol,
    payload,
  })
  const at = packet.length - payload.length
  const pseudo = pseudoHeaderSum(packet, 0, protocol, payload.length)
  // 0 would say that there is no checksum: RFC 768.
  putUint16(packet, at + checksumAt, checksum(packet, at, payload.length, pseudo) || 0xffff)
  return packet
}
