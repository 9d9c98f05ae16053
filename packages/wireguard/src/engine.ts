import { assertNever, type Core, type Instant, invariant, type Now, type Random, type WallTime } from '@weft/base'
import { type CryptoProvider, type PrivateKey, type PublicKey, publicKeyBytes, publicKeyFromBytes } from '@weft/keys'
import { CookieIssuer } from './cookie-issuer.ts'
import { Deadlines } from './deadlines.ts'
import type { EngineInput, EngineMeters, EngineOutput } from './engine-interface.ts'
import { type LocalKeys, readInitiation } from './handshake.ts'
import type { HandshakeDropReason } from './handshake-drop.ts'
import { HandshakeLoad } from './handshake-load.ts'
import { TimestampSource } from './handshake-timestamp.ts'
import { holdsMac1, mac1KeyOf } from './mac1.ts'
import { decodeCookieReply, decodeInitiation, decodeResponse, messageKindOf } from './messages.ts'
import { OriginLimits } from './origin-limits.ts'
import type { PeerIndex } from './session.ts'
import { Tunnel } from './tunnel.ts'
import type { TunnelContext } from './tunnel-context.ts'

type HandshakeInput<Source> = Extract<EngineInput<Source>, { kind: 'handshake' }>

/** One of the own keys. */
interface Identity extends LocalKeys {
  readonly key: PublicKey<'node'>
  readonly cookies: CookieIssuer
}

/**
 * WireGuard for one node key: handshakes and timers of all its peers (paper §5, §6), without a single packet. The fast path
 * holds keys, counters and replay windows and tells by reports when something is due; the engine answers with sessions.
 *
 * - *session*: one completed handshake; *current* sends, *next* waits for the peer to use it, *previous* still receives
 * - *attempt*: initiations, one in 5 s, until a response comes or 90 s are over
 * - *under load*: handshake messages come faster than is liked; each must prove its source by a *cookie* then
 * - a message that is refused is `dropped` with its reason, and nothing has changed
 */
export class WireGuardEngine<Source> implements Core<EngineInput<Source>, EngineOutput<Source>> {
  readonly #context: TunnelContext<Source>
  readonly #outputs: EngineOutput<Source>[] = []
  readonly #tunnels = new Map<PeerIndex, Tunnel<Source>>()
  readonly #peers = new Map<PublicKey<'node'>, Tunnel<Source>>()
  readonly #deadlines = new Deadlines<Tunnel<Source>>()
  readonly #load = new HandshakeLoad()
  readonly #limits = new OriginLimits()
  /** Those that are tried first, first. */
  #identities: readonly Identity[] = []

  /**
   * `takeIndex` gives receiver indices: 32 bits, unsigned, none that is in use on this node. `latestTimestamp`: the bound of
   * the last `save-timestamp` with these keys. `privateKeys`: as in `change-private-keys`.
   */
  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly privateKeys: readonly PrivateKey<'node'>[]
    readonly takeIndex: () => number
    readonly meters: EngineMeters
    readonly latestTimestamp?: WallTime | undefined
  }) {
    const { crypto, random, takeIndex, meters } = options
    const emit = (output: EngineOutput<Source>) => void this.#outputs.push(output)
    this.#identities = options.privateKeys.map((key) => this.#identityOf(key, crypto, random))
    this.#context = {
      crypto,
      random,
      locals: this.#identities,
      takeIndex,
      timestamps: new TimestampSource({
        bound: options.latestTimestamp,
        reserve: (bound) => emit({ kind: 'save-timestamp', bound }),
      }),
      meters,
      emit,
      awaiting: new Map(),
      cookieAwaiting: new Map(),
    }
  }

  handle(input: EngineInput<Source>, now: Now): void {
    switch (input.kind) {
      case 'add-peer':
        this.#addPeer(input, now)
        break
      case 'remove-peer':
        this.#removePeer(input.peer)
        break
      case 'set-private-key':
        this.#setPrivateKey(input.privateKey, now)
        break
      case 'change-private-keys':
        this.#changePrivateKeys(input.privateKeys, now)
        break
      case 'change-peer-key':
        this.#changePeerKey(input.peer, input.publicKey, now)
        break
      case 'handshake':
        this.#onHandshake(input, now)
        break
      case 'load':
        this.#load.tell(input.isUnderLoad)
        break
      case 'set-preshared-key':
      case 'set-persistent-keepalive':
      case 'session-wanted':
      case 'rekey-due':
      case 'session-confirmed':
      case 'activity':
        this.#tellTunnel(input, now)
        break
      default:
        assertNever(input)
    }
  }

  wake(now: Now): void {
    for (let due = this.#deadlines.takeDue(now.instant); due; due = this.#deadlines.takeDue(now.instant)) {
      due.wake(now)
      this.#rearm(due)
    }
  }

  poll(): EngineOutput<Source> | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return this.#deadlines.next()
  }

  #identityOf(privateKey: PrivateKey<'node'>, crypto: CryptoProvider, random: Random): Identity {
    const key = privateKey.publicKey(crypto)
    const publicKey = publicKeyBytes(key)
    const onSecret = (secret: Uint8Array) => void this.#outputs.push({ kind: 'cookie-secret', key, secret })
    return {
      crypto,
      random,
      key,
      privateKey: privateKey.expose(),
      publicKey,
      mac1Key: mac1KeyOf(key, crypto),
      cookies: new CookieIssuer({ crypto, random, publicKey, onSecret }),
    }
  }

  #addPeer(input: Extract<EngineInput<Source>, { kind: 'add-peer' }>, now: Now): void {
    const { peer, publicKey, presharedKey, persistentKeepalive } = input
    invariant(!this.#tunnels.has(peer) && !this.#peers.has(publicKey), 'a peer is added once')
    if (this.#isOwn(publicKey)) {
      this.#outputs.push({ kind: 'peer-removed', peer })
      return
    }
    const tunnel = new Tunnel(this.#context, peer, publicKey)
    this.#tunnels.set(peer, tunnel)
    this.#peers.set(publicKey, tunnel)
    tunnel.setPresharedKey(presharedKey)
    tunnel.setPersistentKeepalive(persistentKeepalive, now)
    this.#rearm(tunnel)
  }

  #removePeer(peer: PeerIndex): void {
    const tunnel = this.#tunnels.get(peer)
    if (tunnel === undefined) return
    tunnel.close()
    this.#rearm(tunnel)
    this.#tunnels.delete(peer)
    this.#peers.delete(tunnel.publicKey)
  }

  #setPrivateKey(privateKey: PrivateKey<'node'> | undefined, now: Now): void {
    const identities = this.#identitiesOf(privateKey === undefined ? [] : [privateKey])
    if (identities.length === this.#identities.length && identities[0]?.key === this.#identities[0]?.key) return
    this.#take(identities)
    for (const tunnel of this.#tunnels.values()) {
      tunnel.onPrivateKeyChanged(now)
      this.#rearm(tunnel)
    }
  }

  #changePrivateKeys(privateKeys: readonly PrivateKey<'node'>[], now: Now): void {
    this.#take(this.#identitiesOf(privateKeys))
    for (const tunnel of this.#tunnels.values()) {
      tunnel.onKeysChanged(now)
      this.#rearm(tunnel)
    }
  }

  /** Those that there are already stay the same: tunnels know them by that. */
  #identitiesOf(privateKeys: readonly PrivateKey<'node'>[]): readonly Identity[] {
    const { crypto, random } = this.#context
    return privateKeys.map((privateKey) => {
      const key = privateKey.publicKey(crypto)
      return this.#identities.find((each) => each.key === key) ?? this.#identityOf(privateKey, crypto, random)
    })
  }

  #take(identities: readonly Identity[]): void {
    this.#identities = identities
    this.#context.locals = identities
    for (const { key } of identities) {
      const own = this.#peers.get(key)
      if (own === undefined) continue
      this.#removePeer(own.peer)
      this.#outputs.push({ kind: 'forget-sessions', peer: own.peer }, { kind: 'peer-removed', peer: own.peer })
    }
  }

  #changePeerKey(peer: PeerIndex, publicKey: PublicKey<'node'>, now: Now): void {
    const tunnel = this.#tunnels.get(peer)
    if (tunnel === undefined || tunnel.publicKey === publicKey) return
    invariant(!this.#peers.has(publicKey) && !this.#isOwn(publicKey), 'no two have one key')
    this.#peers.delete(tunnel.publicKey)
    this.#peers.set(publicKey, tunnel)
    tunnel.onPeerKeyChanged(publicKey, now)
    this.#rearm(tunnel)
  }

  #isOwn(key: PublicKey<'node'>): boolean {
    return this.#identities.some((own) => own.key === key)
  }

  #tellTunnel(input: TunnelInput<Source>, now: Now): void {
    const tunnel = this.#tunnels.get(input.peer)
    if (tunnel === undefined) return
    tell(tunnel, input, now)
    this.#rearm(tunnel)
  }

  #rearm(tunnel: Tunnel<Source>): void {
    this.#deadlines.set(tunnel, tunnel.nextTimeout())
  }

  #onHandshake(input: HandshakeInput<Source>, now: Now): void {
    const reason = this.#consume(input, now)
    if (reason !== undefined) this.#outputs.push({ kind: 'dropped', reason })
  }

  #consume(input: HandshakeInput<Source>, now: Now): HandshakeDropReason | undefined {
    const { message, source } = input
    const kind = messageKindOf(message)
    if (kind === undefined || kind === 'transport') return 'not-a-handshake'
    if (kind === 'cookie-reply') return this.#consumeCookieReply(message, now)
    if (this.#identities.length === 0) return 'no-private-key'
    const identity = this.#identities.find((own) => holdsMac1(message, own.mac1Key, own.crypto))
    if (identity === undefined) return 'mac1-wrong'
    const objection = this.#objectionUnderLoad(input, identity, now)
    if (objection !== undefined) return objection
    return kind === 'initiation'
      ? this.#consumeInitiation(identity, message, source, now)
      : this.#consumeResponse(message, source, now)
  }

  #objectionUnderLoad(
    { message, source, origin }: HandshakeInput<Source>,
    { cookies }: Identity,
    now: Now,
  ): HandshakeDropReason | undefined {
    if (!this.#load.isUnderLoadWithOneMore(now.instant)) return undefined
    if (!cookies.holds(message, origin, now.instant)) {
      const reply = cookies.reply(message, origin, now.instant)
      this.#outputs.push({ kind: 'send-cookie-reply', message: reply, to: source })
      return 'cookie-sent'
    }
    return this.#limits.take(origin, now.instant) ? undefined : 'source-limited'
  }

  #consumeCookieReply(message: Uint8Array, now: Now): HandshakeDropReason | undefined {
    const fields = decodeCookieReply(message)
    if (fields === undefined) return 'not-a-handshake'
    const tunnel = this.#context.cookieAwaiting.get(fields.receiver)
    return tunnel === undefined ? 'cookie-reply-not-expected' : tunnel.onCookieReply(fields, now)
  }

  #consumeInitiation(
    identity: Identity,
    message: Uint8Array,
    source: Source,
    now: Now,
  ): HandshakeDropReason | undefined {
    const fields = decodeInitiation(message)
    if (fields === undefined) return 'not-a-handshake'
    const initiation = readInitiation(identity, fields)
    if (typeof initiation === 'string') return initiation
    const tunnel = this.#peers.get(publicKeyFromBytes('node', initiation.initiatorKey))
    if (tunnel === undefined) return 'initiator-unknown'
    const reason = tunnel.onInitiation(initiation, { local: identity, source }, now)
    this.#rearm(tunnel)
    return reason
  }

  #consumeResponse(message: Uint8Array, source: Source, now: Now): HandshakeDropReason | undefined {
    const fields = decodeResponse(message)
    if (fields === undefined) return 'not-a-handshake'
    const tunnel = this.#context.awaiting.get(fields.receiver)
    if (tunnel === undefined) return 'response-not-awaited'
    const reason = tunnel.onResponse(fields, source, now)
    this.#rearm(tunnel)
    return reason
  }
}

type TunnelInput<Source> = Extract<
  EngineInput<Source>,
  {
    kind:
      | 'set-preshared-key'
      | 'set-persistent-keepalive'
      | 'session-wanted'
      | 'rekey-due'
      | 'session-confirmed'
      | 'activity'
  }
>

function tell<Source>(tunnel: Tunnel<Source>, input: TunnelInput<Source>, now: Now): void {
  switch (input.kind) {
    case 'set-preshared-key':
      tunnel.setPresharedKey(input.presharedKey)
      break
    case 'set-persistent-keepalive':
      tunnel.setPersistentKeepalive(input.interval, now)
      break
    case 'session-wanted':
      tunnel.onSessionWanted(now)
      break
    case 'rekey-due':
      tunnel.onRekeyDue(input.localIndex, now)
      break
    case 'session-confirmed':
      tunnel.onSessionConfirmed(input.localIndex, now)
      break
    case 'activity':
      tunnel.onActivity(input.activity, input.since, now)
      break
    default:
      assertNever(input)
  }
}
