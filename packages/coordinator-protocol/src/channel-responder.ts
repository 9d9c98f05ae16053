import { assertNever, concatBytes, invariant, type Random, utf8 } from '@weft/base'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'
import { IkResponder } from '@weft/noise'
import { type ChannelFault, describeFault } from './channel-failure.ts'
import { MAX_MESSAGE_TO_COORDINATOR, MAX_MESSAGE_TO_NODE } from './channel-frames.ts'
import { CHANNEL_VERSION, ChannelStream, PROLOGUE } from './channel-stream.ts'

export type ResponderOutput =
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  /** The node's channel key is alive: it is no replay. */
  | { readonly kind: 'open'; readonly remoteKey: PublicKey<'channel'> }
  | { readonly kind: 'message'; readonly text: string }
  /** `message` is for people. Nothing comes any more. */
  | { readonly kind: 'failed'; readonly reason: ChannelFault; readonly message: string }

type Phase =
  | { readonly kind: 'handshake'; readonly noise: IkResponder }
  | { readonly kind: 'proving'; readonly stream: ChannelStream; readonly remoteKey: PublicKey<'channel'> }
  | { readonly kind: 'open'; readonly stream: ChannelStream }
  | { readonly kind: 'failed' }

/**
 * The coordinator's end of one connection. docs/protocols/channel.md
 *
 * handshake: has sent its certificate and waits for Noise's first message, which can be a replay · proving: has answered
 * it, and acts on nothing · open: a frame has opened, messages go both ways · failed: forever. It keeps no time: who owns
 * the connection closes it when it takes too long.
 */
export class ChannelResponder {
  readonly #outputs: ResponderOutput[] = []
  #phase: Phase

  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly channelKey: PrivateKey<'channel'>
    /** For this channel key, by the coordinator's key. */
    readonly certificate: Uint8Array
  }) {
    const { crypto, random, channelKey, certificate } = options
    const prologue = concatBytes(utf8(PROLOGUE), certificate)
    this.#phase = {
      kind: 'handshake',
      noise: new IkResponder({ crypto, random, prologue, localPrivateKey: channelKey }),
    }
    this.#outputs.push({ kind: 'frame', frame: certificate.slice() })
  }

  receive(frame: Uint8Array): void {
    this.#phase = this.#phaseAfter(frame)
  }

  /** Only after `open`. Nothing happens on a channel that failed. Throws `RangeError` where the message is too long. */
  send(message: string): void {
    if (this.#phase.kind === 'failed') return
    invariant(this.#phase.kind === 'open', 'a channel is open before a message is sent')
    for (const frame of this.#phase.stream.seal(message)) this.#outputs.push({ kind: 'frame', frame })
  }

  poll(): ResponderOutput | undefined {
    return this.#outputs.shift()
  }

  #phaseAfter(frame: Uint8Array): Phase {
    const phase = this.#phase
    switch (phase.kind) {
      case 'handshake':
        return this.#onFirst(phase.noise, frame)
      case 'proving':
      case 'open':
        return this.#onFrame(phase, frame)
      case 'failed':
        return phase
      default:
        return assertNever(phase)
    }
  }

  #onFirst(noise: IkResponder, frame: Uint8Array): Phase {
    const first = noise.readFirst(frame)
    if (first?.payload.length !== 1) return this.#failed('handshake-refused')
    if ((first.payload[0] ?? 0) < CHANNEL_VERSION) return this.#failed('version-unknown')
    const { message, transport } = noise.writeSecond(Uint8Array.of(CHANNEL_VERSION))
    this.#outputs.push({ kind: 'frame', frame: message })
    const limits = { sent: MAX_MESSAGE_TO_NODE, received: MAX_MESSAGE_TO_COORDINATOR }
    return { kind: 'proving', stream: new ChannelStream(transport, limits), remoteKey: first.remotePublicKey }
  }

  #onFrame(phase: Extract<Phase, { readonly kind: 'proving' | 'open' }>, frame: Uint8Array): Phase {
    const { stream } = phase
    const heard = stream.open(frame)
    if (heard.kind === 'fault') return this.#failed(heard.fault)
    if (phase.kind === 'proving') this.#outputs.push({ kind: 'open', remoteKey: phase.remoteKey })
    if (heard.kind === 'message') this.#outputs.push(heard)
    return { kind: 'open', stream }
  }

  #failed(fault: ChannelFault): Phase {
    this.#outputs.push({ kind: 'failed', reason: fault, message: describeFault(fault) })
    return { kind: 'failed' }
  }
}
