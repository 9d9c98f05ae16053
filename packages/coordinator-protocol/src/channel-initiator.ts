import { assertNever, concatBytes, invariant, type Random, utf8, type WallTime } from '@weft/base'
import { IdentityError, readChannelCertificate } from '@weft/identity'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'
import { IkInitiator } from '@weft/noise'
import { type ChannelFailure, type ChannelFault, describeFault } from './channel-failure.ts'
import { MAX_MESSAGE_TO_COORDINATOR, MAX_MESSAGE_TO_NODE } from './channel-frames.ts'
import { CHANNEL_VERSION, ChannelStream, PROLOGUE } from './channel-stream.ts'

export type ChannelOutput =
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | { readonly kind: 'open' }
  | { readonly kind: 'message'; readonly text: string }
  /** `message` is for people. Nothing comes any more. */
  | { readonly kind: 'failed'; readonly reason: ChannelFailure; readonly message: string }

type Phase =
  | { readonly kind: 'certificate' }
  | { readonly kind: 'handshake'; readonly noise: IkInitiator }
  | { readonly kind: 'open'; readonly stream: ChannelStream }
  | { readonly kind: 'failed' }

/**
 * The node's end of one connection to the coordinator. docs/protocols/channel.md
 *
 * certificate: waits for the coordinator's channel certificate · handshake: has sent Noise's first message ·
 * open: messages go both ways · failed: forever. It keeps no time: who owns the connection closes it when it takes too long.
 */
export class ChannelInitiator {
  readonly #options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly coordinatorKey: PublicKey<'coordinator'>
    readonly channelKey: PrivateKey<'channel'>
    readonly at: WallTime
  }
  readonly #outputs: ChannelOutput[] = []
  #phase: Phase = { kind: 'certificate' }

  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly coordinatorKey: PublicKey<'coordinator'>
    readonly channelKey: PrivateKey<'channel'>
    /** The moment at which the coordinator's certificate must hold. */
    readonly at: WallTime
  }) {
    this.#options = options
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

  poll(): ChannelOutput | undefined {
    return this.#outputs.shift()
  }

  #phaseAfter(frame: Uint8Array): Phase {
    const phase = this.#phase
    switch (phase.kind) {
      case 'certificate':
        return this.#onCertificate(frame)
      case 'handshake':
        return this.#onSecond(phase.noise, frame)
      case 'open':
        return this.#onFrame(phase, frame)
      case 'failed':
        return phase
      default:
        return assertNever(phase)
    }
  }

  #onCertificate(frame: Uint8Array): Phase {
    const { crypto, random, coordinatorKey, channelKey, at } = this.#options
    try {
      const certificate = readChannelCertificate(frame, coordinatorKey, at, crypto)
      const noise = new IkInitiator({
        crypto,
        random,
        prologue: concatBytes(utf8(PROLOGUE), frame),
        localPrivateKey: channelKey,
        remotePublicKey: certificate.channelKey,
      })
      this.#outputs.push({ kind: 'frame', frame: noise.writeFirst(Uint8Array.of(CHANNEL_VERSION)) })
      return { kind: 'handshake', noise }
    } catch (error) {
      if (error instanceof IdentityError) return this.#failed(error.code, error.message)
      // A channel key of small order: see IkInitiator.writeFirst.
      if (error instanceof RangeError) return this.#faulty('handshake-refused')
      throw error
    }
  }

  #onSecond(noise: IkInitiator, frame: Uint8Array): Phase {
    const second = noise.readSecond(frame)
    if (second === undefined) return this.#faulty('handshake-refused')
    if (second.payload.length !== 1 || second.payload[0] !== CHANNEL_VERSION) return this.#faulty('version-unknown')
    this.#outputs.push({ kind: 'open' })
    const limits = { sent: MAX_MESSAGE_TO_COORDINATOR, received: MAX_MESSAGE_TO_NODE }
    return { kind: 'open', stream: new ChannelStream(second.transport, limits) }
  }

  #onFrame(phase: Extract<Phase, { readonly kind: 'open' }>, frame: Uint8Array): Phase {
    const heard = phase.stream.open(frame)
    if (heard.kind === 'fault') return this.#faulty(heard.fault)
    if (heard.kind === 'message') this.#outputs.push(heard)
    return phase
  }

  #faulty(fault: ChannelFault): Phase {
    return this.#failed(fault, describeFault(fault))
  }

  #failed(reason: ChannelFailure, message: string): Phase {
    this.#outputs.push({ kind: 'failed', reason, message })
    return { kind: 'failed' }
  }
}
