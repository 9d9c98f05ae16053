import { concatBytes, fromBase64, invariant, toBase64, utf8, viewOf } from '@weft/base'
import { RECORD_LENGTH } from '@weft/identity'
import { END_OF_TEXT, MAX_MESSAGE_TO_NODE, type MessageParts, splitForNodes, splitPieces } from './channel-frames.ts'
import { PROOFS_BEHIND_SINCE } from './channel-stream.ts'
import type { Netmap, NetmapChange, NetmapPeer } from './netmap.ts'

/**
 * Netmaps and changes as they are sent. Since version 4 the records and chains of the peers are left out of the text and
 * stand behind it, as bytes, in the order of the peers. What many chains begin with is there once. docs/protocols/channel.md
 *
 *     0      2       how many beginnings of chains follow
 *     2      2 + n   of each: its length, and itself
 *     …      2       for each peer: the number of the beginning of its chain
 *     …      1385    for each peer: its record,
 *            2 + n   and the rest of its chain behind its length
 *
 * Nothing follows. Integers are big-endian.
 */
const NUMBER_LENGTH = 2
const MAX_NUMBER = 65_535
/** Of account and link: the same for all devices of a link. */
const SHARED_CERTIFICATES = 2

/** What a peer is told as is put into text and bytes once, for it is most of a message and the same in many. */
interface EncodedPeer {
  /** Without its proof, and behind a comma. */
  readonly text: Uint8Array
  /** Base64. */
  readonly beginning: string
  /** Its record, and the rest of the chain. */
  readonly proof: Uint8Array
}

/** A message as it is sent to nodes of that version. Throws `RangeError` where it is longer than they accept. */
export function netmapParts(message: Netmap | NetmapChange, version: number): MessageParts {
  const [name, peers] = message.type === 'netmap' ? ['peers', message.peers] : ['upsert', message.upsert]
  if (version < PROOFS_BEHIND_SINCE || peers.length === 0) return splitForNodes(JSON.stringify(message))
  const start = `"${name}":[`
  const text = JSON.stringify({ ...message, [name]: [] })
  const at = text.indexOf(start) + start.length
  const encoded = peers.map(encodedPeer)
  return splitPieces(
    [
      utf8(text.slice(0, at)),
      ...encoded.map((peer, place) => (place === 0 ? peer.text.subarray(1) : peer.text)),
      utf8(text.slice(at)),
      Uint8Array.of(END_OF_TEXT),
      ...beginningsOf(encoded),
      ...encoded.map(({ proof }) => proof),
    ],
    MAX_MESSAGE_TO_NODE,
  )
}

/**
 * The message with the proofs where the schema has them; `undefined` where the bytes are not those of its peers.
 * @param json as it was parsed: anything.
 */
export function withProofs(json: unknown, bytes: Uint8Array): unknown {
  if (typeof json !== 'object' || json === null) return undefined
  const name = 'type' in json && json.type === 'netmap' ? 'peers' : 'upsert'
  const peers: unknown = (json as Readonly<Record<string, unknown>>)[name]
  if (!Array.isArray(peers) || peers.some((peer) => hasProof(peer))) return undefined
  const proofs = readProofs(bytes, peers.length)
  return proofs && { ...json, [name]: peers.map((peer, place) => ({ ...peer, ...proofs[place] })) }
}

const hasProof = (peer: unknown): boolean =>
  typeof peer !== 'object' || peer === null || 'record' in peer || 'chain' in peer

const encodedPeers = new WeakMap<NetmapPeer, EncodedPeer>()

function encodedPeer(peer: NetmapPeer): EncodedPeer {
  const encoded = encodedPeers.get(peer) ?? encode(peer)
  encodedPeers.set(peer, encoded)
  return encoded
}

function encode({ record, chain, ...peer }: NetmapPeer): EncodedPeer {
  const chainBytes = bytesOf(chain)
  const length = beginningLength(chainBytes)
  const rest = chainBytes.subarray(length)
  return {
    text: utf8(`,${JSON.stringify(peer)}`),
    beginning: toBase64(chainBytes.subarray(0, length)),
    proof: concatBytes(bytesOf(record), numberBytes(rest.length), rest),
  }
}

/** Nothing of a chain that is none: the node judges it. */
function beginningLength(chain: Uint8Array): number {
  let length = 0
  for (let i = 0; i < SHARED_CERTIFICATES; i++) {
    if (length + NUMBER_LENGTH > chain.length) return 0
    length += NUMBER_LENGTH + viewOf(chain).getUint16(length)
  }
  return length <= chain.length ? length : 0
}

function beginningsOf(peers: readonly EncodedPeer[]): readonly Uint8Array[] {
  const numbers = new Map<string, number>()
  const numberOfEach = new Uint8Array(peers.length * NUMBER_LENGTH)
  const view = viewOf(numberOfEach)
  for (const [place, { beginning }] of peers.entries()) {
    const number = numbers.get(beginning) ?? numbers.size
    numbers.set(beginning, number)
    view.setUint16(place * NUMBER_LENGTH, number)
  }
  invariant(numbers.size <= MAX_NUMBER, 'a message has fewer peers than numbers')
  const beginnings = [...numbers.keys()].map(bytesOf)
  return [
    numberBytes(beginnings.length),
    ...beginnings.flatMap((beginning) => [numberBytes(beginning.length), beginning]),
    numberOfEach,
  ]
}

function readProofs(bytes: Uint8Array, count: number): readonly Pick<NetmapPeer, 'record' | 'chain'>[] | undefined {
  const reader = new Reader(bytes)
  const beginnings = Array.from({ length: reader.number() }, () => reader.behindLength())
  const begins = Array.from({ length: count }, () => beginnings[reader.number()])
  const proofs = begins.map((beginning) => {
    const record = reader.take(RECORD_LENGTH)
    const rest = reader.behindLength()
    return { record: toBase64(record), chain: toBase64(concatBytes(beginning ?? NOTHING, rest)) }
  })
  return reader.isAtEnd && !begins.includes(undefined) ? proofs : undefined
}

const NOTHING = new Uint8Array(0)

/** Behind the end there is nothing, and it is not at its end any more. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  number(): number {
    const [high = 0, low = 0] = this.take(NUMBER_LENGTH)
    return high * 256 + low
  }

  behindLength(): Uint8Array {
    return this.take(this.number())
  }

  take(length: number): Uint8Array {
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }
}

function numberBytes(number: number): Uint8Array {
  invariant(number <= MAX_NUMBER, 'a number of two bytes')
  return Uint8Array.of(number >> 8, number & 0xff)
}

/** The schema, or the coordinator itself, has looked at the text. */
function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'a base64 field is base64')
  return bytes
}
