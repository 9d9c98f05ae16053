import { type IpAddress, ipBytes, parseIp } from '@weft/base'
import { buildIcmpPacket, buildIpPacket, PROTOCOL_TCP, PROTOCOL_UDP, putUint16, putUint32 } from '@weft/packet'

/** The address that the text must be. */
export function addressOf(text: string): IpAddress {
  const address = parseIp(text)
  if (address === undefined) throw new TypeError(`no address: ${text}`)
  return address
}

interface Ends {
  readonly source: string
  readonly destination: string
}

interface PortEnds extends Ends {
  readonly sourcePort?: number
  readonly destinationPort?: number
}

/** UDP without a checksum: no part of weft looks at it. */
export function udpPacket(options: PortEnds & { readonly data?: Uint8Array }): Uint8Array {
  const data = options.data ?? new Uint8Array(8)
  const payload = new Uint8Array(8 + data.length)
  putPorts(payload, options)
  putUint16(payload, 4, payload.length)
  payload.set(data, 8)
  return ipPacket(options, PROTOCOL_UDP, payload)
}

/** TCP without a checksum: no part of weft looks at it. */
export function tcpPacket(
  options: PortEnds & { readonly flags: number; readonly sequence?: number; readonly data?: Uint8Array },
): Uint8Array {
  const { data = new Uint8Array(0), sequence = 0 } = options
  const payload = new Uint8Array(20 + data.length)
  putPorts(payload, options)
  putUint32(payload, 4, sequence)
  payload[12] = 5 << 4
  payload[13] = options.flags
  payload.set(data, 20)
  return ipPacket(options, PROTOCOL_TCP, payload)
}

/** An ICMP message of the addresses' family: type, code 0, the four bytes before its body, the body. */
export function icmpPacket(
  options: Ends & { readonly type: number; readonly identifier?: number; readonly body?: Uint8Array },
): Uint8Array {
  const body = options.body ?? new Uint8Array(8)
  const message = new Uint8Array(8 + body.length)
  message[0] = options.type
  putUint16(message, 4, options.identifier ?? 0)
  message.set(body, 8)
  return buildIcmpPacket(ipBytes(addressOf(options.source)), ipBytes(addressOf(options.destination)), message)
}

export function ipPacket(ends: Ends, protocol: number, payload: Uint8Array): Uint8Array {
  const source = ipBytes(addressOf(ends.source))
  return buildIpPacket({ source, destination: ipBytes(addressOf(ends.destination)), protocol, payload })
}

function putPorts(payload: Uint8Array, ports: PortEnds): void {
  putUint16(payload, 0, ports.sourcePort ?? 40_000)
  putUint16(payload, 2, ports.destinationPort ?? 9)
}
