import {
  concatBytes,
  type Endpoint,
  endpointOf,
  endpointParts,
  equalBytes,
  ipBytes,
  ipFromBytes,
  type Random,
  randomBytes,
  toHex,
  utf8,
  viewOf,
} from '@weft/base'

/*
 * STUN's Binding (RFC 8489): a request asks "as whom do you see me?", the success response tells.
 *
 *   0   2  type: 0x0001 request, 0x0101 success response
 *   2   2  length of the attributes, a multiple of 4
 *   4   4  magic cookie 0x2112a442
 *   8  12  transaction id
 *   20  …  attributes: type (2), length (2), value, padded to 4; those below 0x8000 must be understood
 *
 * Trailing bytes are refused. weft's requests carry SOFTWARE, so that the longest answer is no longer than they are.
 */
const HEADER = 20
const COOKIE = 0x2112a442
const COOKIE_BYTES = Uint8Array.of(0x21, 0x12, 0xa4, 0x42)
const REQUEST = 0x0001
const SUCCESS = 0x0101
const XOR_MAPPED_ADDRESS = 0x0020
const SOFTWARE = 0x8022
const FIRST_OPTIONAL = 0x8000
const TRANSACTION_BYTES = 12
const FAMILY_4 = 1
const FAMILY_6 = 2
/** As long as an answer with an IPv6 address: 20 + 4 + 20 bytes. */
const REQUEST_LENGTH = 44
const SOFTWARE_TEXT = 'weft'.padEnd(REQUEST_LENGTH - HEADER - 4)
const MAX_LENGTH = 548

/** What a question and its answer have in common. */
export type StunTransaction = string

export function createStunRequest(random: Random): {
  readonly transaction: StunTransaction
  readonly datagram: Uint8Array
} {
  const id = randomBytes(random, TRANSACTION_BYTES)
  return { transaction: toHex(id), datagram: message(REQUEST, id, attribute(SOFTWARE, utf8(SOFTWARE_TEXT))) }
}

/** The answer to a binding request that came from there; `undefined` for all else, and where it would be longer than the request. */
export function answerStun(datagram: Uint8Array, from: Endpoint): Uint8Array | undefined {
  const request = read(datagram)
  if (request?.type !== REQUEST || request.attributes.some(({ type }) => type < FIRST_OPTIONAL)) return undefined
  const answer = message(SUCCESS, request.id, attribute(XOR_MAPPED_ADDRESS, xorAddress(from, request.id)))
  return answer.length <= datagram.length ? answer : undefined
}

/** What an answer says, or `undefined` where the datagram is none. Whether it was asked for, its transaction tells. */
export function readStunAnswer(
  datagram: Uint8Array,
): { readonly transaction: StunTransaction; readonly mapped: Endpoint } | undefined {
  const answer = read(datagram)
  if (answer?.type !== SUCCESS) return undefined
  const value = answer.attributes.find(({ type }) => type === XOR_MAPPED_ADDRESS)?.value
  const mapped = value && readXorAddress(value, answer.id)
  return mapped === undefined ? undefined : { transaction: toHex(answer.id), mapped }
}

/** Whether the datagram has STUN's form at all: first bits zero and the cookie. */
export function isStun(datagram: Uint8Array): boolean {
  return datagram.length >= HEADER && (datagram[0] ?? 0) < 0x40 && equalBytes(datagram.subarray(4, 8), COOKIE_BYTES)
}

interface Message {
  readonly type: number
  readonly id: Uint8Array
  readonly attributes: readonly { readonly type: number; readonly value: Uint8Array }[]
}

function read(datagram: Uint8Array): Message | undefined {
  if (!isStun(datagram) || datagram.length > MAX_LENGTH) return undefined
  const view = viewOf(datagram)
  if (HEADER + view.getUint16(2) !== datagram.length) return undefined
  const attributes: { readonly type: number; readonly value: Uint8Array }[] = []
  for (let at = HEADER; at < datagram.length; ) {
    if (at + 4 > datagram.length) return undefined
    const end = at + 4 + view.getUint16(at + 2)
    if (end > datagram.length) return undefined
    attributes.push({ type: view.getUint16(at), value: datagram.subarray(at + 4, end) })
    at = padded(end)
  }
  return { type: view.getUint16(0), id: datagram.slice(8, HEADER), attributes }
}

function message(type: number, id: Uint8Array, attributes: Uint8Array): Uint8Array {
  const header = new Uint8Array(8)
  const view = viewOf(header)
  view.setUint16(0, type)
  view.setUint16(2, attributes.length)
  view.setUint32(4, COOKIE)
  return concatBytes(header, id, attributes)
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + padded(value.length))
  const view = viewOf(bytes)
  view.setUint16(0, type)
  view.setUint16(2, value.length)
  bytes.set(value, 4)
  return bytes
}

/** RFC 8489 §14.2. */
function xorAddress(endpoint: Endpoint, id: Uint8Array): Uint8Array {
  const { address, port } = endpointParts(endpoint)
  const bytes = ipBytes(address)
  const mixed = port ^ (COOKIE >>> 16)
  return concatBytes(
    Uint8Array.of(0, bytes.length === 4 ? FAMILY_4 : FAMILY_6, mixed >>> 8, mixed & 0xff),
    xored(bytes, id),
  )
}

function readXorAddress(value: Uint8Array, id: Uint8Array): Endpoint | undefined {
  const length = value[1] === FAMILY_4 ? 4 : value[1] === FAMILY_6 ? 16 : 0
  if (length === 0 || value.length !== 4 + length) return undefined
  const port = viewOf(value).getUint16(2) ^ (COOKIE >>> 16)
  return port === 0 ? undefined : endpointOf(ipFromBytes(xored(value.subarray(4), id)), port)
}

function xored(bytes: Uint8Array, id: Uint8Array): Uint8Array {
  const key = concatBytes(COOKIE_BYTES, id)
  return bytes.map((byte, i) => byte ^ (key[i] ?? 0))
}

const padded = (length: number): number => (length + 3) & ~3
