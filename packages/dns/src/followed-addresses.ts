import { ipFromBytes } from '@weft/base'
import { HEADER, RCODE_MASK, TYPE } from './constants.ts'
import { nameAt, type RecordPlace, recordPlaces } from './message.ts'
import type { ResourceRecord } from './reply.ts'

/** What another resolver says of the name that an alias leads to: its addresses, and further aliases on the way there. */
export function addressesIn(
  message: Uint8Array,
): { readonly rcode: number; readonly answers: readonly ResourceRecord[] } | undefined {
  const places = message.length < HEADER ? undefined : recordPlaces(message)
  if (places === undefined) return undefined
  const answers = places.flatMap((place) => (place.section === 'answer' ? recordOf(message, place) : []))
  return { rcode: (message[3] ?? 0) & RCODE_MASK, answers }
}

function recordOf(message: Uint8Array, { type, start, dataAt, dataLength, ttlAt }: RecordPlace): ResourceRecord[] {
  const owner = nameAt(message, start)
  if (owner === undefined) return []
  const ttl = new DataView(message.buffer, message.byteOffset + ttlAt, 4).getUint32(0)
  const data = message.subarray(dataAt, dataAt + dataLength)
  if (type === TYPE.A && dataLength === 4) return [{ owner, ttl, type: 'A', data: ipFromBytes(data) }]
  // The text of an IPv4 address in an IPv6 one would be the IPv4 address's.
  if (type === TYPE.AAAA && dataLength === 16 && ipFromBytes(data).includes(':'))
    return [{ owner, ttl, type: 'AAAA', data: ipFromBytes(data) }]
  const target = type === TYPE.CNAME ? nameAt(message, dataAt) : undefined
  return target === undefined ? [] : [{ owner, ttl, type: 'CNAME', data: target }]
}
