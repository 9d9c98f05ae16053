import { concatBytes, viewOf } from '@weft/base'
import { type Answer, encode } from 'dns-packet'
import { FLAG, HEADER, MESH_TTL, OPCODE_MASK, RCODE } from './constants.ts'
import { encodeName } from './message.ts'
import { encodeOpt, type Query } from './query.ts'

/** What a record holds, by its type: addresses and names as text. */
export type RecordData =
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR' | 'TXT'; readonly data: string }
  | { readonly type: 'SOA'; readonly data: StartOfAuthority }

interface StartOfAuthority {
  readonly mname: string
  readonly rname: string
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

export type ResourceRecord = RecordData & {
  /** Absent: the name that was asked for. */
  readonly owner?: string
  /** Seconds. */
  readonly ttl?: number
}

export interface Reply {
  readonly rcode: number
  readonly isAuthoritative?: boolean
  readonly answers?: readonly ResourceRecord[]
  readonly authorities?: readonly ResourceRecord[]
}

/** Where the name of the question begins, as a pointer. RFC 1035 §4.1.4. */
const TO_QUESTION = Uint8Array.of(0xc0, HEADER)

/** @param limit bytes; what is longer is truncated, and says so. */
export function encodeReply(query: Query, reply: Reply, limit: number): Uint8Array {
  const { answers = [], authorities = [] } = reply
  const records = [...answers, ...authorities].map(encodeRecord)
  const whole = assemble(query, reply, { answers: answers.length, authorities: authorities.length, records })
  if (whole.length <= limit) return whole
  const cut = assemble(query, reply, { answers: 0, authorities: 0, records: [] })
  return withFlag(cut, FLAG.TC)
}

/** An answer of another resolver, for the one who asked: with that one's number, or truncated to its limit. */
export function adoptReply(query: Query, message: Uint8Array, limit: number): Uint8Array {
  const flags = viewOf(message).getUint16(2)
  if (message.length > limit) {
    const cut = assemble(query, { rcode: flags & 0xf }, { answers: 0, authorities: 0, records: [] })
    return withFlag(cut, FLAG.TC)
  }
  const reply = message.slice()
  const view = viewOf(reply)
  view.setUint16(0, query.id)
  view.setUint16(2, (flags & ~(FLAG.AA | FLAG.RD)) | (query.flags & FLAG.RD) | FLAG.RA)
  return reply
}

function assemble(
  query: Query,
  reply: Reply,
  parts: { readonly answers: number; readonly authorities: number; readonly records: readonly Uint8Array[] },
): Uint8Array {
  const { edns } = query
  const header = new Uint8Array(HEADER)
  const view = viewOf(header)
  const authority = reply.isAuthoritative ? FLAG.AA : 0
  view.setUint16(0, query.id)
  view.setUint16(
    2,
    FLAG.QR | FLAG.RA | authority | (query.flags & (OPCODE_MASK | FLAG.RD | FLAG.CD)) | (reply.rcode & 0xf),
  )
  view.setUint16(4, 1)
  view.setUint16(6, parts.answers)
  view.setUint16(8, parts.authorities)
  view.setUint16(10, edns === undefined ? 0 : 1)
  const opt = edns === undefined ? [] : [encodeOpt(reply.rcode >>> 4, edns.isDnssecOk)]
  return concatBytes(header, query.question, ...parts.records, ...opt)
}

/** The library's bytes but for the owner: that one may be the name asked for, of whatever bytes. */
function encodeRecord(record: ResourceRecord): Uint8Array {
  const { owner, type, data, ttl = MESH_TTL } = record
  const bytes = encode({ type: 'response', answers: [{ name: '.', type, data, ttl } as Answer] })
  const body = new Uint8Array(bytes.buffer, bytes.byteOffset + HEADER + 1, bytes.length - HEADER - 1)
  return concatBytes(owner === undefined ? TO_QUESTION : encodeName(owner), body)
}

function withFlag(message: Uint8Array, flag: number): Uint8Array {
  const view = viewOf(message)
  view.setUint16(2, view.getUint16(2) | flag)
  return message
}

/** What cannot be answered is refused. */
export const refusal = (rcode: number = RCODE.REFUSED): Reply => ({ rcode })
