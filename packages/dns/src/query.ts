import { equalBytes, viewOf } from '@weft/base'
import {
  DNSSEC_OK,
  EDNS_UDP_BYTES,
  FLAG,
  HEADER,
  OPCODE_MASK,
  PLAIN_UDP_BYTES,
  RCODE,
  RCODE_MASK,
  TYPE,
} from './constants.ts'
import { plainName, questionEnd, type RecordPlace, recordPlaces } from './message.ts'

/** What an OPT record says. RFC 6891. */
interface Edns {
  readonly udpBytes: number
  readonly version: number
  readonly isDnssecOk: boolean
}

/** One question, as a program of this machine asked it. */
export interface Query {
  readonly id: number
  readonly flags: number
  /** In lower case, from the name to the root; labels of one character a byte. */
  readonly labels: readonly string[]
  readonly type: number
  readonly class: number
  /** The question as it came, so that it is answered letter for letter. */
  readonly question: Uint8Array
  readonly edns: Edns | undefined
}

/** A message that is no question for us to answer with what was asked: with an error's code, or not at all. */
export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  | { readonly kind: 'error'; readonly reply: Uint8Array }
  | { readonly kind: 'silence' }

const SILENCE: ReadQuery = { kind: 'silence' }

export function readQuery(message: Uint8Array): ReadQuery {
  // An answer is never answered: two resolvers would go on for ever.
  if (message.length < HEADER || ((message[2] ?? 0) & 0x80) !== 0) return SILENCE
  const view = viewOf(message)
  const flags = view.getUint16(2)
  if ((flags & OPCODE_MASK) !== 0) return { kind: 'error', reply: bareError(message, RCODE.NOTIMP) }
  const query = view.getUint16(4) === 1 ? readBody(message, view, flags) : undefined
  return query === undefined ? { kind: 'error', reply: bareError(message, RCODE.FORMERR) } : { kind: 'query', query }
}

function readBody(message: Uint8Array, view: DataView, flags: number): Query | undefined {
  const name = plainName(message, HEADER)
  const end = questionEnd(message)
  const records = recordPlaces(message)
  if (name === undefined || end !== name.end + 4 || records === undefined) return undefined
  const options = records.filter(({ type }) => type === TYPE.OPT)
  if (options.length > 1 || options.some(({ section }) => section !== 'additional')) return undefined
  const [option] = options
  return {
    id: view.getUint16(0),
    flags,
    labels: name.labels,
    type: view.getUint16(name.end),
    class: view.getUint16(name.end + 2),
    question: message.slice(HEADER, end),
    edns: option === undefined ? undefined : ednsOf(view, option),
  }
}

function ednsOf(view: DataView, option: RecordPlace): Edns {
  return {
    udpBytes: option.class,
    version: view.getUint8(option.ttlAt + 1),
    isDnssecOk: (view.getUint16(option.ttlAt + 2) & DNSSEC_OK) !== 0,
  }
}

/** The most bytes that an answer over UDP may have. */
export function udpLimit({ edns }: Query): number {
  return edns === undefined ? PLAIN_UDP_BYTES : Math.min(Math.max(edns.udpBytes, PLAIN_UDP_BYTES), EDNS_UDP_BYTES)
}

/** The question to ask another resolver in its place: what its options say is between the asker and us. */
export function encodeQuery(query: Query, id: number): Uint8Array {
  const { question, edns } = query
  const message = new Uint8Array(HEADER + question.length + (edns === undefined ? 0 : OPT_BYTES))
  const view = viewOf(message)
  view.setUint16(0, id)
  view.setUint16(2, FLAG.RD | (query.flags & (FLAG.AD | FLAG.CD)))
  view.setUint16(4, 1)
  message.set(question, HEADER)
  if (edns !== undefined) {
    view.setUint16(10, 1)
    message.set(encodeOpt(0, edns.isDnssecOk), HEADER + question.length)
  }
  return message
}

const OPT_BYTES = 11

export function encodeOpt(extendedRcode: number, isDnssecOk: boolean): Uint8Array {
  const bytes = new Uint8Array(OPT_BYTES)
  const view = viewOf(bytes)
  view.setUint16(1, TYPE.OPT)
  view.setUint16(3, EDNS_UDP_BYTES)
  view.setUint8(5, extendedRcode)
  if (isDnssecOk) view.setUint16(7, DNSSEC_OK)
  return bytes
}

/** What an answer of another resolver says to the question that it was asked; `undefined` where it is none to that. */
export interface UpstreamAnswer {
  readonly rcode: number
  readonly isTruncated: boolean
  readonly records: readonly RecordPlace[]
}

export function readUpstreamAnswer(message: Uint8Array, query: Query, id: number): UpstreamAnswer | undefined {
  if (message.length < HEADER) return undefined
  const view = viewOf(message)
  const flags = view.getUint16(2)
  if (view.getUint16(0) !== id || (flags & FLAG.QR) === 0 || (flags & OPCODE_MASK) !== 0) return undefined
  const isBareError = view.getUint16(4) === 0 && (flags & RCODE_MASK) !== 0
  if (isBareError) return { rcode: flags & RCODE_MASK, isTruncated: false, records: [] }
  const end = questionEnd(message)
  if (view.getUint16(4) !== 1 || end === undefined || !isSameQuestion(message.subarray(HEADER, end), query))
    return undefined
  const records = recordPlaces(message)
  return records && { rcode: flags & RCODE_MASK, isTruncated: (flags & FLAG.TC) !== 0, records }
}

/** Letter for letter: resolvers give the question back as they got it. */
const isSameQuestion = (question: Uint8Array, query: Query): boolean => equalBytes(question, query.question)

/** An answer with the header alone, for whoever asks what cannot be read. */
function bareError(message: Uint8Array, rcode: number): Uint8Array {
  const reply = message.slice(0, HEADER).fill(0, 4)
  const view = viewOf(reply)
  view.setUint16(2, FLAG.QR | (view.getUint16(2) & (OPCODE_MASK | FLAG.RD)) | rcode)
  return reply
}
