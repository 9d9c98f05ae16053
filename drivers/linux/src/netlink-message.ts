import { concatBytes, viewOf } from '@weft/base'

/*
 * A netlink message (netlink(7), rtnetlink(7); host byte order, little-endian on all machines Node.js 26 comes for):
 *
 *   0  4  length, this header included        16  n  a structure by type (ifinfomsg, ifaddrmsg, rtmsg, nlmsgerr)
 *   4  2  type                                ..  n  attributes: length (2, header included), type (2), value,
 *   6  2  flags                                      each padded to 4 bytes
 *   8  4  sequence number
 *  12  4  port id
 */
const HEADER_BYTES = 16
const ATTRIBUTE_HEADER_BYTES = 4
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER share the field with the type. */
const ATTRIBUTE_TYPE_MASK = 0x3fff

export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
}

export type Attributes = ReadonlyMap<number, Uint8Array>

export function encodeMessage(message: NetlinkMessage, sequence: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  const view = viewOf(header)
  view.setUint32(0, HEADER_BYTES + message.body.length, true)
  view.setUint16(4, message.type, true)
  view.setUint16(6, message.flags, true)
  view.setUint32(8, sequence, true)
  return concatBytes(header, message.body)
}

/** The messages of one datagram; what is cut off or malformed at its end is left out. */
export function decodeMessages(bytes: Uint8Array): readonly NetlinkMessage[] {
  const messages: NetlinkMessage[] = []
  const view = viewOf(bytes)
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint32(at, true)
    if (length < HEADER_BYTES || at + length > bytes.length) break
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    })
    at += padded(length)
  }
  return messages
}

export function encodeAttribute(type: number, value: Uint8Array): Uint8Array {
  const attribute = new Uint8Array(padded(ATTRIBUTE_HEADER_BYTES + value.length))
  const view = viewOf(attribute)
  view.setUint16(0, ATTRIBUTE_HEADER_BYTES + value.length, true)
  view.setUint16(2, type, true)
  attribute.set(value, ATTRIBUTE_HEADER_BYTES)
  return attribute
}

export function decodeAttributes(bytes: Uint8Array): Attributes {
  const attributes = new Map<number, Uint8Array>()
  const view = viewOf(bytes)
  for (let at = 0; at + ATTRIBUTE_HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint16(at, true)
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > bytes.length) break
    const type = view.getUint16(at + 2, true) & ATTRIBUTE_TYPE_MASK
    attributes.set(type, bytes.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length))
    at += padded(length)
  }
  return attributes
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, value, true)
  return bytes
}

export function readUint32(bytes: Uint8Array | undefined): number | undefined {
  return bytes !== undefined && bytes.length >= 4 ? viewOf(bytes).getUint32(0, true) : undefined
}

const padded = (length: number): number => (length + 3) & ~3
