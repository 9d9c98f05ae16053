import { assertNever, concatBytes, type Random, utf8, type WallTime } from '@weft/base'
import { IdentityError, readChannelCertificate } from '@weft/identity'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'
import { IkInitiator } from '@weft/noise'
import { ChannelEnd, type EndOutput } from './channel-end.ts'
import { MAX_MESSAGE_TO_COORDINATOR, MAX_MESSAGE_TO_NODE } from './channel-frames.ts'
import {
  CHANNEL_VERSION,
  ChannelStream,
  FIRST_CHANNEL_VERSION,
  PROLOGUE,
  PROOFS_BEHIND_SINCE,
} from './channel-stream.ts'

/** Of the messages from here on. */
interface Opened {
  readonly version: number
}

export type ChannelOutput = EndOutput<Opened>

type Phase = { readonly kind: 'certificate' } | { readonly kind: 'handshake'; readonly noise: IkInitiator }

/**
 * The node's end of one connection to the coordinator. docs/protocols/channel.md
 *
 * certificate: waits for the coordinator's channel certificate · handshake: has sent Noise's first message.
 */
export class ChannelInitiator extends ChannelEnd<Opened> {
  readonly #options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly coordinatorKey: PublicKey<'coordinator'>
    readonly channelKey: PrivateKey<'channel'>
    readonly at: WallTime
    readonly version?: number
  }
  #phase: Phase = { kind: 'certificate' }

  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly coordinatorKey: PublicKey<'coordinator'>
    readonly channelKey: PrivateKey<'channel'>
    /** The moment at which the coordinator's certificate must hold. */
    readonly at: WallTime
    /** The highest to speak; the newest where it is left away. */
    readonly version?: number
  }) {
    super()
    this.#options = options
  }

  protected override onHandshake(frame: Uint8Array): void {
    const phase = this.#phase
    switch (phase.kind) {
      case 'certificate':
        this.#onCertificate(frame)
        return
      case 'handshake':
        this.#onSecond(phase.noise, frame)
        return
      default:
        assertNever(phase)
    }
  }

  #onCertificate(frame: Uint8Array): void {
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
      this.write(noise.writeFirst(Uint8Array.of(this.#highest)))
      this.#phase = { kind: 'handshake', noise }
    } catch (error) {
      if (error instanceof IdentityError) this.failBecause(error.code, error.message)
      // A channel key of small order: see IkInitiator.writeFirst.
      else if (error instanceof RangeError) this.fail('handshake-refused')
      else throw error
    }
  }

  #onSecond(noise: IkInitiator, frame: Uint8Array): void {
    const second = noise.readSecond(frame)
    if (second === undefined) {
      this.fail('handshake-refused')
      return
    }
    const [version = 0] = second.payload
    if (second.payload.length !== 1 || version < FIRST_CHANNEL_VERSION || version > this.#highest) {
      this.fail('version-unknown')
      return
    }
    const takesBytes = version >= PROOFS_BEHIND_SINCE
    const options = { sent: MAX_MESSAGE_TO_COORDINATOR, received: MAX_MESSAGE_TO_NODE, takesBytes }
    this.transitionToOpen(new ChannelStream(second.transport, options), { version })
  }

  get #highest(): number {
    return this.#options.version ?? CHANNEL_VERSION
  }
}
