import { assertNever, concatBytes, type Random, utf8 } from '@weft/base'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'
import { IkResponder } from '@weft/noise'
import { ChannelEnd, type EndOutput } from './channel-end.ts'
import { MAX_MESSAGE_TO_COORDINATOR, MAX_MESSAGE_TO_NODE } from './channel-frames.ts'
import { CHANNEL_VERSION, ChannelStream, FIRST_CHANNEL_VERSION, PROLOGUE } from './channel-stream.ts'

/** The node's channel key is alive: it is no replay. */
interface Opened {
  readonly remoteKey: PublicKey<'channel'>
  /** Of the messages from here on. */
  readonly version: number
}

export type ResponderOutput = EndOutput<Opened>

type Phase =
  | { readonly kind: 'handshake'; readonly noise: IkResponder }
  | ({ readonly kind: 'proving'; readonly stream: ChannelStream } & Opened)

/**
 * The coordinator's end of one connection. docs/protocols/channel.md
 *
 * handshake: has sent its certificate and waits for Noise's first message, which can be a replay · proving: has answered
 * it, and acts on nothing until a frame opens.
 */
export class ChannelResponder extends ChannelEnd<Opened> {
  readonly #highest: number
  #phase: Phase

  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly channelKey: PrivateKey<'channel'>
    /** For this channel key, by the coordinator's key. */
    readonly certificate: Uint8Array
    /** The highest to speak; the newest where it is left away. */
    readonly version?: number
  }) {
    super()
    this.#highest = options.version ?? CHANNEL_VERSION
    const { crypto, random, channelKey, certificate } = options
    const prologue = concatBytes(utf8(PROLOGUE), certificate)
    this.#phase = {
      kind: 'handshake',
      noise: new IkResponder({ crypto, random, prologue, localPrivateKey: channelKey }),
    }
    this.write(certificate.slice())
  }

  protected override onHandshake(frame: Uint8Array): void {
    const phase = this.#phase
    switch (phase.kind) {
      case 'handshake':
        this.#onFirst(phase.noise, frame)
        return
      case 'proving':
        this.openWith(phase.stream, { remoteKey: phase.remoteKey, version: phase.version }, frame)
        return
      default:
        assertNever(phase)
    }
  }

  #onFirst(noise: IkResponder, frame: Uint8Array): void {
    const first = noise.readFirst(frame)
    if (first?.payload.length !== 1) {
      this.fail('handshake-refused')
      return
    }
    const version = Math.min(first.payload[0] ?? 0, this.#highest)
    if (version < FIRST_CHANNEL_VERSION) {
      this.fail('version-unknown')
      return
    }
    const { message, transport } = noise.writeSecond(Uint8Array.of(version))
    this.write(message)
    const limits = { sent: MAX_MESSAGE_TO_NODE, received: MAX_MESSAGE_TO_COORDINATOR }
    this.#phase = {
      kind: 'proving',
      stream: new ChannelStream(transport, limits),
      remoteKey: first.remotePublicKey,
      version,
    }
  }
}
