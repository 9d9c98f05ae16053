import type { NoiseTransport } from '@weft/noise'
import { type Heard, MAX_FRAME_LENGTH, MessageJoiner, type MessageParts, splitMessage } from './channel-frames.ts'

/** An open channel: messages to frames and back. After a fault it is of no use. */
export class ChannelStream {
  readonly #transport: NoiseTransport
  readonly #joiner: MessageJoiner
  readonly #maxSent: number

  /** @param options `sent` and `received`: the most bytes of a message. */
  constructor(
    transport: NoiseTransport,
    options: { readonly sent: number; readonly received: number; readonly takesBytes?: boolean },
  ) {
    this.#transport = transport
    this.#joiner = new MessageJoiner(options.received, options.takesBytes)
    this.#maxSent = options.sent
  }

  /** Throws `RangeError` where the message is longer than the other side accepts; then nothing was sealed. */
  seal(message: string | MessageParts): Uint8Array[] {
    const parts = typeof message === 'string' ? splitMessage(message, this.#maxSent) : message
    return parts.map((plaintext) => this.#transport.seal(plaintext))
  }

  open(frame: Uint8Array): Heard {
    if (frame.length > MAX_FRAME_LENGTH) return { kind: 'fault', fault: 'frame-too-large' }
    const plaintext = this.#transport.open(frame)
    return plaintext === undefined ? { kind: 'fault', fault: 'frame-forged' } : this.#joiner.take(plaintext)
  }
}

/** What the handshake begins with on both sides, before the coordinator's certificate. */
export const PROLOGUE = 'weft channel 1\0'
/**
 * Of the messages inside: 1, 2 with revocations, 3 with what `remove` came to, 4 with peers' proofs behind the text. The
 * highest that both ends speak is used.
 */
export const CHANNEL_VERSION = 4
export const FIRST_CHANNEL_VERSION = 1
/** Netmaps tell what was revoked, `revoke` is understood, and who was removed is told so. */
export const REVOCATIONS_SINCE = 2
/** `remove` is answered with whether the device was revoked. */
export const REVOKED_TOLD_SINCE = 3
/** Records and chains of a netmap stand behind its text, as bytes. */
export const PROOFS_BEHIND_SINCE = 4
