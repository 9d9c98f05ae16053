import { concatBytes, textOf, utf8 } from '@weft/base'
import type { ChannelFault } from './channel-failure.ts'

/**
 * How a message becomes plaintexts of frames. docs/protocols/channel.md
 *
 *     0   0: more follows, 1: the last      1   a part of the message, in UTF-8
 *
 * Every plaintext but the last is full, so that nobody can make us keep many small parts.
 */
export const MAX_FRAME_LENGTH = 65_535
const TAG_LENGTH = 16
const MORE = 0
const LAST = 1
const MAX_PART_LENGTH = MAX_FRAME_LENGTH - TAG_LENGTH - 1
const FULL_LENGTH = MAX_PART_LENGTH + 1

/** JSON has none within. */
export const END_OF_TEXT = 0

const KIBIBYTE = 1024
/** Bytes of a message to the coordinator. */
export const MAX_MESSAGE_TO_COORDINATOR = 64 * KIBIBYTE
/** Bytes of a message to a node. */
export const MAX_MESSAGE_TO_NODE = 16 * KIBIBYTE * KIBIBYTE

/** A message as the plaintexts of its frames: cut once, it can be sealed for many. */
export type MessageParts = readonly Uint8Array[]

/** Throws `RangeError` where the message is longer than the other side accepts. */
export const splitMessage = (message: string, maxLength: number): MessageParts =>
  splitPieces([utf8(message)], maxLength)

/** Of the message that the pieces make together. Throws `RangeError` as `splitMessage`. */
export function splitPieces(pieces: readonly Uint8Array[], maxLength: number): MessageParts {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (length > maxLength) throw new RangeError(`a message of ${length} bytes, more than ${maxLength}`)
  const count = Math.max(1, Math.ceil(length / MAX_PART_LENGTH))
  const whole = new Uint8Array(length + count)
  fillParts(whole, pieces)
  return Array.from({ length: count }, (_, i) => {
    const part = whole.subarray(i * FULL_LENGTH, (i + 1) * FULL_LENGTH)
    part[0] = i < count - 1 ? MORE : LAST
    return part
  })
}

/** Leaves the first byte of every part out. */
function fillParts(whole: Uint8Array, pieces: readonly Uint8Array[]): void {
  let at = 0
  for (const piece of pieces)
    for (let from = 0; from < piece.length; ) {
      if (at % FULL_LENGTH === 0) at++
      const room = FULL_LENGTH - (at % FULL_LENGTH)
      const taken = piece.length - from <= room && from === 0 ? piece : piece.subarray(from, from + room)
      whole.set(taken, at)
      at += taken.length
      from += taken.length
    }
}

/** Of a message to nodes. Throws `RangeError` where it is longer than they accept. */
export const splitForNodes = (message: string): MessageParts => splitMessage(message, MAX_MESSAGE_TO_NODE)

export interface HeardMessage {
  readonly text: string
  /** What stands behind the text; nothing before version 4. */
  readonly bytes?: Uint8Array
}

export type Heard =
  | { readonly kind: 'more' }
  | ({ readonly kind: 'message' } & HeardMessage)
  | { readonly kind: 'fault'; readonly fault: ChannelFault }

/** Puts the parts together again. After a fault it is of no use. */
export class MessageJoiner {
  readonly #maxLength: number
  readonly #takesBytes: boolean
  #parts: Uint8Array[] = []
  #length = 0

  /** @param takesBytes whether bytes may stand behind the text. */
  constructor(maxLength: number, takesBytes = false) {
    this.#maxLength = maxLength
    this.#takesBytes = takesBytes
  }

  take(plaintext: Uint8Array): Heard {
    const part = plaintext.subarray(1)
    const isWhole = plaintext[0] === LAST || (plaintext[0] === MORE && part.length === MAX_PART_LENGTH)
    if (!isWhole) return { kind: 'fault', fault: 'frame-malformed' }
    this.#length += part.length
    if (this.#length > this.#maxLength) return { kind: 'fault', fault: 'message-too-large' }
    this.#parts.push(part)
    if (plaintext[0] === MORE) return { kind: 'more' }
    const [first = part, ...more] = this.#parts
    const whole = more.length === 0 ? first : concatBytes(first, ...more)
    this.#parts = []
    this.#length = 0
    return heardOf(whole, this.#takesBytes ? whole.indexOf(END_OF_TEXT) : -1)
  }
}

/** @param end where the text ends and bytes begin; -1 where it is all text. */
function heardOf(whole: Uint8Array, end: number): Heard {
  const text = textOf(end < 0 ? whole : whole.subarray(0, end))
  if (text === undefined) return { kind: 'fault', fault: 'message-not-text' }
  return { kind: 'message', text, ...(end < 0 ? {} : { bytes: whole.subarray(end + 1) }) }
}
