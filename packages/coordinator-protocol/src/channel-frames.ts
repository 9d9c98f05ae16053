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

const KIBIBYTE = 1024
/** Bytes of a message to the coordinator. */
export const MAX_MESSAGE_TO_COORDINATOR = 64 * KIBIBYTE
/** Bytes of a message to a node. */
export const MAX_MESSAGE_TO_NODE = 16 * KIBIBYTE * KIBIBYTE

/** A message as the plaintexts of its frames: cut once, it can be sealed for many. */
export type MessageParts = readonly Uint8Array[]

/** Throws `RangeError` where the message is longer than the other side accepts. */
export function splitMessage(message: string, maxLength: number): MessageParts {
  const bytes = utf8(message)
  if (bytes.length > maxLength) throw new RangeError(`a message of ${bytes.length} bytes, more than ${maxLength}`)
  const count = Math.max(1, Math.ceil(bytes.length / MAX_PART_LENGTH))
  const whole = new Uint8Array(bytes.length + count)
  return Array.from({ length: count }, (_, i) => {
    const part = bytes.subarray(i * MAX_PART_LENGTH, (i + 1) * MAX_PART_LENGTH)
    const at = i * (MAX_PART_LENGTH + 1)
    whole[at] = i < count - 1 ? MORE : LAST
    whole.set(part, at + 1)
    return whole.subarray(at, at + 1 + part.length)
  })
}

/** Of a message to nodes. Throws `RangeError` where it is longer than they accept. */
export const splitForNodes = (message: string): MessageParts => splitMessage(message, MAX_MESSAGE_TO_NODE)

export type Heard =
  | { readonly kind: 'more' }
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'fault'; readonly fault: ChannelFault }

/** Puts the parts together again. After a fault it is of no use. */
export class MessageJoiner {
  readonly #maxLength: number
  #parts: Uint8Array[] = []
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  take(plaintext: Uint8Array): Heard {
    const part = plaintext.subarray(1)
    const isWhole = plaintext[0] === LAST || (plaintext[0] === MORE && part.length === MAX_PART_LENGTH)
    if (!isWhole) return { kind: 'fault', fault: 'frame-malformed' }
    this.#length += part.length
    if (this.#length > this.#maxLength) return { kind: 'fault', fault: 'message-too-large' }
    this.#parts.push(part)
    if (plaintext[0] === MORE) return { kind: 'more' }
    const text = textOf(concatBytes(...this.#parts))
    this.#parts = []
    this.#length = 0
    return text === undefined ? { kind: 'fault', fault: 'message-not-text' } : { kind: 'message', text }
  }
}
