import { assertNever, type Core, earliest, type Instant, invariant, type Now, type Random } from '@weft/base'
import {
  type CryptoProvider,
  type PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
} from '@weft/keys'
import type { EngineInput, EngineMeters, EngineOutput } from './engine-interface.ts'
import { type LocalKeys, type RemoteKeys, readInitiation } from './handshake.ts'
import type { HandshakeDropReason } from './handshake-drop.ts'
import { TimestampSource } from './handshake-timestamp.ts'
import { holdsMac1, mac1KeyOf } from './mac1.ts'
import { decodeInitiation, decodeResponse, messageKindOf } from './messages.ts'
import type { PeerIndex } from './session.ts'
import { Tunnel, type TunnelContext } from './tunnel.ts'

const PRESHARED_KEY_LENGTH = 32

/**
 * WireGuard for one node key: handshakes and timers of all its peers (paper §5, §6), without a single packet. The fast path
 * holds keys, counters and replay windows and tells by reports when something is due; the engine answers with sessions.
 *
 * - *session*: one completed handshake; *current* sends, *next* waits for the peer to use it, *previous* still receives
 * - *attempt*: initiations, one in 5 s, until a response comes or 90 s are over
 * - a message that is refused is `dropped` with its reason, and nothing has changed
 *
 * Not here: cookies. A cookie reply is dropped, mac2 is neither made nor asked for, so an end under load answers us late
 * or not at all. Nor are the timestamps kept over a restart: after one the clock must not be behind.
 */
export class WireGuardEngine<Source> implements Core<EngineInput<Source>, EngineOutput<Source>> {
  readonly #local: LocalKeys
  readonly #context: TunnelContext<Source>
  readonly #outputs: EngineOutput<Source>[] = []
  readonly #tunnels = new Map<PeerIndex, Tunnel<Source>>()
  readonly #keys = new Map<PeerIndex, PublicKey<'node'>>()
  readonly #peers = new Map<PublicKey<'node'>, Tunnel<Source>>()

  /** `takeIndex` gives receiver indices: 32 bits, unsigned, none that is in use on this node. */
  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly privateKey: PrivateKey<'node'>
    readonly takeIndex: () => number
    readonly meters: EngineMeters
  }) {
    const { crypto, random } = options
    const publicKey = options.privateKey.publicKey(crypto)
    this.#local = {
      crypto,
      random,
      privateKey: options.privateKey.expose(),
      publicKey: publicKeyBytes(publicKey),
      mac1Key: mac1KeyOf(publicKey, crypto),
    }
    this.#context = {
      local: this.#local,
      takeIndex: options.takeIndex,
      timestamps: new TimestampSource(),
      meters: options.meters,
      emit: (output) => this.#outputs.push(output),
      awaiting: new Map(),
    }
  }

  handle(input: EngineInput<Source>, now: Now): void {
    switch (input.kind) {
      case 'add-peer':
        this.#addPeer(input.peer, input.publicKey, input.presharedKey)
        break
      case 'remove-peer':
        this.#removePeer(input.peer)
        break
      case 'set-preshared-key':
        this.#tunnels.get(input.peer)?.setPresharedKey(presharedKeyOf(input.presharedKey))
        break
      case 'handshake':
        this.#onHandshake(input.message, input.source, now)
        break
      case 'session-wanted':
        this.#tunnels.get(input.peer)?.onSessionWanted(now)
        break
      case 'rekey-due':
        this.#tunnels.get(input.peer)?.onRekeyDue(input.localIndex, now)
        break
      case 'session-confirmed':
        this.#tunnels.get(input.peer)?.onSessionConfirmed(input.localIndex, now)
        break
      case 'activity':
        this.#tunnels.get(input.peer)?.onActivity(input.activity, input.since, now)
        break
      default:
        assertNever(input)
    }
  }

  wake(now: Now): void {
    for (const tunnel of this.#tunnels.values()) tunnel.wake(now)
  }

  poll(): EngineOutput<Source> | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined
    for (const tunnel of this.#tunnels.values()) next = earliest(next, tunnel.nextTimeout())
    return next
  }

  #addPeer(peer: PeerIndex, publicKey: PublicKey<'node'>, presharedKey: Uint8Array | undefined): void {
    invariant(!this.#tunnels.has(peer) && !this.#peers.has(publicKey), 'a peer is added once')
    const { crypto, privateKey } = this.#local
    const bytes = publicKeyBytes(publicKey)
    invariant(bytes.length === PUBLIC_KEY_LENGTH, 'a public key of 32 bytes')
    const remote: RemoteKeys = {
      publicKey: bytes,
      staticSecret: crypto.x25519(privateKey, bytes),
      presharedKey: presharedKeyOf(presharedKey),
      mac1Key: mac1KeyOf(publicKey, crypto),
    }
    const tunnel = new Tunnel(this.#context, peer, remote)
    this.#tunnels.set(peer, tunnel)
    this.#keys.set(peer, publicKey)
    this.#peers.set(publicKey, tunnel)
  }

  #removePeer(peer: PeerIndex): void {
    const key = this.#keys.get(peer)
    if (key === undefined) return
    this.#tunnels.get(peer)?.close()
    this.#tunnels.delete(peer)
    this.#keys.delete(peer)
    this.#peers.delete(key)
  }

  #onHandshake(message: Uint8Array, source: Source, now: Now): void {
    const reason = this.#consume(message, source, now)
    if (reason !== undefined) this.#outputs.push({ kind: 'dropped', reason })
  }

  #consume(message: Uint8Array, source: Source, now: Now): HandshakeDropReason | undefined {
    const kind = messageKindOf(message)
    if (kind === 'cookie-reply') return 'cookie-reply-not-expected'
    if (kind === undefined || kind === 'transport') return 'not-a-handshake'
    if (!holdsMac1(message, this.#local.mac1Key, this.#local.crypto)) return 'mac1-wrong'
    return kind === 'initiation'
      ? this.#consumeInitiation(message, source, now)
      : this.#consumeResponse(message, source, now)
  }

  #consumeInitiation(message: Uint8Array, source: Source, now: Now): HandshakeDropReason | undefined {
    const fields = decodeInitiation(message)
    if (fields === undefined) return 'not-a-handshake'
    const initiation = readInitiation(this.#local, fields)
    if (typeof initiation === 'string') return initiation
    const tunnel = this.#peers.get(publicKeyFromBytes('node', initiation.initiatorKey))
    return tunnel === undefined ? 'initiator-unknown' : tunnel.onInitiation(initiation, source, now)
  }

  #consumeResponse(message: Uint8Array, source: Source, now: Now): HandshakeDropReason | undefined {
    const fields = decodeResponse(message)
    if (fields === undefined) return 'not-a-handshake'
    const tunnel = this.#context.awaiting.get(fields.receiver)
    return tunnel === undefined ? 'response-not-awaited' : tunnel.onResponse(fields, source, now)
  }
}

/** A copy; all zero stands for none. WireGuard paper §5.2. */
function presharedKeyOf(given: Uint8Array | undefined): Uint8Array {
  invariant(given === undefined || given.length === PRESHARED_KEY_LENGTH, 'a preshared key of 32 bytes')
  return given?.slice() ?? new Uint8Array(PRESHARED_KEY_LENGTH)
}
