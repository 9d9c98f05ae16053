import {
  assertNever,
  type Duration,
  type Instant,
  invariant,
  later,
  milliseconds,
  type Now,
  randomFraction,
} from '@weft/base'
import type { PublicKey } from '@weft/keys'
import type { Attempt } from './attempt.ts'
import {
  CROSSING_TIMEOUT,
  FORGET_AFTER_TIME,
  INITIATION_INTERVAL,
  REKEY_ATTEMPT_TIME,
  REKEY_JITTER_LIMIT,
  REKEY_TIMEOUT,
} from './constants.ts'
import { CookieHolder } from './cookie-holder.ts'
import type { TunnelActivity } from './engine-interface.ts'
import {
  consumeResponse,
  createInitiation,
  createResponse,
  type LocalKeys,
  openInitiation,
  type ReadInitiation,
} from './handshake.ts'
import type { HandshakeDropReason } from './handshake-drop.ts'
import { isLaterTimestamp, TIMESTAMP_LENGTH } from './handshake-timestamp.ts'
import { type Established, KnownSessions, sessionOf } from './known-sessions.ts'
import { Liveness } from './liveness.ts'
import { LocalChoice } from './local-choice.ts'
import type { CookieReplyMessage, ResponseMessage } from './messages.ts'
import { RemotePeer } from './remote-peer.ts'
import type { PeerIndex, TransportSession } from './session.ts'
import { type TimerName, Timers } from './timers.ts'
import type { TunnelContext } from './tunnel-context.ts'

/**
 * The engine's state for one peer: the attempt, the sessions, the timers.
 *
 * When initiations cross, each end answers the other's and still takes an answer to its own, since a stock peer forgets its own
 * initiation when it answers ours. Between two of our kind both would complete, so the end with the larger public key waits
 * up to `CROSSING_TIMEOUT` for the other's session to come into use before it installs its own.
 */
export class Tunnel<Source> {
  readonly #context: TunnelContext<Source>
  readonly peer: PeerIndex
  publicKey: PublicKey<'node'>
  #remote: RemotePeer
  #cookie: CookieHolder
  readonly #choice: LocalChoice
  /** When the peer's key became another. */
  #peerKeySince: Instant | undefined
  readonly #timers = new Timers()
  readonly #liveness: Liveness
  #attempt: Attempt<Source> = { kind: 'none' }
  readonly #sessions = new KnownSessions()
  /** When a handshake message of ours was last sent. */
  #handshakeSentAt: Instant | undefined
  /** Of the peer's last initiation. */
  #timestamp: Uint8Array = new Uint8Array(TIMESTAMP_LENGTH)
  #initiationConsumedAt: Instant | undefined
  /** Of the last handshake message of ours. */
  #messageIndex: number | undefined

  constructor(context: TunnelContext<Source>, peer: PeerIndex, publicKey: PublicKey<'node'>) {
    this.#context = context
    this.peer = peer
    this.publicKey = publicKey
    this.#remote = new RemotePeer(context.crypto, publicKey)
    this.#cookie = new CookieHolder(context.crypto, this.#remote.publicKey)
    this.#choice = new LocalChoice(() => context.locals)
    this.#liveness = new Liveness({
      peer,
      timers: this.#timers,
      meters: context.meters,
      watch: (activity) => context.emit({ kind: 'watch-activity', peer, activity }),
      jittered: (at) => this.#jittered(at),
    })
  }

  nextTimeout(): Instant | undefined {
    return this.#timers.next()
  }

  /** For every response from now on, one that is awaited included. */
  setPresharedKey(presharedKey: Uint8Array | undefined): void {
    this.#remote.setPresharedKey(presharedKey)
  }

  setPersistentKeepalive(interval: Duration | undefined, now: Now): void {
    this.#liveness.setPersistentKeepalive(interval, now.instant)
  }

  /** Acts on every deadline that is due. */
  wake(now: Now): void {
    for (let name = this.#timers.takeDue(now.instant); name; name = this.#timers.takeDue(now.instant))
      this.#onDeadline(name, now)
  }

  /** The peer is removed: keys are wiped, and no response is awaited. */
  close(): void {
    this.#transitionTo({ kind: 'none' })
    this.#forgetMessage()
    this.#remote.wipe()
    this.#timers.clearAll()
  }

  /** Sessions of the old key only receive; a handshake under way begins anew. */
  onPrivateKeyChanged(now: Now): void {
    const isWanted = this.#attempt.kind !== 'none'
    this.#transitionTo({ kind: 'none' })
    this.#forgetMessage()
    this.#takeLocals()
    this.#handshakeSentAt = undefined
    if (!this.#sessions.isEmpty) this.#retireSessions()
    if (isWanted) this.#wantHandshake(now)
  }

  /** The same node by other keys: sessions stay; a handshake under way by a key that is gone begins anew. */
  onKeysChanged(now: Now): void {
    this.#takeLocals()
    const attempt = this.#attempt
    if (attempt.kind !== 'awaiting-response' || this.#context.locals.includes(attempt.local)) return
    this.#transitionTo({ kind: 'none' })
    this.#handshakeSentAt = undefined
    this.#wantHandshake(now)
  }

  /** The same peer by another key: sessions stay until one is made with it, at once where packets are exchanged. */
  onPeerKeyChanged(publicKey: PublicKey<'node'>, now: Now): void {
    const isWanted = this.#attempt.kind !== 'none' || this.#sessions.canSend(now.instant)
    this.#transitionTo({ kind: 'none' })
    this.#forgetMessage()
    this.publicKey = publicKey
    this.#remote = this.#remote.rekeyed(publicKey)
    this.#cookie = new CookieHolder(this.#context.crypto, this.#remote.publicKey)
    this.#peerKeySince = now.instant
    // More than one new session in a round trip would push out the one that packets are under way in.
    if (this.#sessions.isEmpty) this.#handshakeSentAt = undefined
    if (isWanted) this.#wantHandshake(now)
  }

  onSessionWanted(now: Now): void {
    this.#wantHandshake(now)
  }

  onRekeyDue(localIndex: number, now: Now): void {
    if (localIndex === this.#sessions.currentIndex) this.#wantHandshake(now)
  }

  onActivity(activity: TunnelActivity, since: Instant | undefined, now: Now): void {
    this.#liveness.onActivity(activity, since, now.instant)
  }

  onSessionConfirmed(localIndex: number, now: Now): void {
    const session = this.#sessions.confirm(localIndex)
    if (session === undefined) return
    const attempt = this.#attempt
    // Where a newer session was asked for since, the peer's own may be made already, and is to come into use.
    const isOlder = attempt.kind === 'awaiting-response' && session.createdAt < attempt.startedAt
    this.#onComplete(now.instant, isOlder ? attempt : { kind: 'none' })
    if (this.#peerKeySince !== undefined && session.createdAt < this.#peerKeySince) this.#wantHandshake(now)
  }

  /** What is sent next carries it; nothing is sent for it. */
  onCookieReply(reply: CookieReplyMessage, now: Now): HandshakeDropReason | undefined {
    return this.#cookie.onReply(reply, now.instant)
  }

  onInitiation(
    initiation: ReadInitiation,
    { local, source }: { readonly local: LocalKeys; readonly source: Source },
    now: Now,
  ): HandshakeDropReason | undefined {
    const remote = this.#remote.towards(local)
    const opened = openInitiation(remote, initiation)
    if (typeof opened === 'string') return opened
    if (!isLaterTimestamp(opened.timestamp, this.#timestamp)) return 'initiation-replayed'
    if (this.#consumedAnInitiationJustBefore(now.instant)) return 'initiations-too-frequent'
    const localIndex = this.#context.takeIndex()
    const response = createResponse(local, remote, initiation, localIndex)
    if (typeof response === 'string') return response

    // It has begun anew, and will not use the session that is waited for.
    if (this.#attempt.kind === 'settling') this.#transitionTo({ kind: 'none' })
    this.#choice.onShown(local)
    this.#timestamp = opened.timestamp
    this.#initiationConsumedAt = now.instant
    this.#handshakeSentAt = now.instant
    const session = this.#derive(
      { role: 'responder', localIndex, remoteIndex: initiation.remoteIndex, keys: response.keys },
      now.instant,
    )
    this.#sessions.offer(session, now.instant)
    this.#complete(response.message, localIndex, now.instant)
    // The session goes first, so that it is there when the initiator's first packet comes.
    this.#context.emit({ kind: 'install-session', peer: this.peer, session, proven: undefined })
    this.#context.emit({ kind: 'send-response', peer: this.peer, message: response.message, to: source })
    return undefined
  }

  onResponse(message: ResponseMessage, source: Source, now: Now): HandshakeDropReason | undefined {
    const attempt = this.#attempt
    invariant(attempt.kind === 'awaiting-response', 'a tunnel that is listed awaits a response')
    const { local, pending } = attempt
    const keys = consumeResponse(local, this.#remote.towards(local), pending, message)
    if (typeof keys === 'string') return keys
    this.#choice.onShown(local)
    const session = this.#derive(
      { role: 'initiator', localIndex: message.receiver, remoteIndex: message.sender, keys },
      now.instant,
    )
    const isCrossed = this.#sessions.wasOfferedSince(attempt.sentAt)
    if (isCrossed && this.#givesWay(local)) {
      this.#transitionTo({ kind: 'settling', session, source })
      this.#timers.set('settle-crossing', later(now.instant, CROSSING_TIMEOUT))
    } else this.#install(session, source, now.instant)
    return undefined
  }

  #onDeadline(name: TimerName, now: Now): void {
    switch (name) {
      case 'rekey-attempt':
        this.#giveUp(now.instant)
        break
      case 'rekey-timeout':
        this.#onRekeyTimeout(now)
        break
      case 'settle-crossing':
        if (this.#attempt.kind === 'settling') this.#install(this.#attempt.session, this.#attempt.source, now.instant)
        break
      case 'new-handshake':
        if (this.#liveness.isAnswerOverdue(now.instant, this.#sessions.canSend(now.instant))) this.#wantHandshake(now)
        break
      case 'keepalive':
        if (this.#liveness.isKeepaliveOverdue(now.instant, this.#sessions.canSend(now.instant)))
          this.#sendKeepalive(now.instant)
        break
      case 'persistent-keepalive':
        if (this.#liveness.isPersistentKeepaliveDue(now.instant)) this.#sendKeepalive(now.instant)
        break
      case 'forget-sessions':
        this.#forgetSessions()
        break
      default:
        assertNever(name)
    }
  }

  #wantHandshake(now: Now): void {
    if (this.#attempt.kind !== 'none') return
    if (this.#context.locals.length === 0) this.#transitionTo({ kind: 'deferred' })
    else if (this.#mayInitiate(now.instant)) this.#initiate({ startedAt: now.instant, tries: 0 }, now)
    else {
      this.#transitionTo({ kind: 'deferred' })
      this.#timers.set('rekey-timeout', this.#initiationAllowedAt(now.instant))
    }
  }

  #onRekeyTimeout(now: Now): void {
    const attempt = this.#attempt
    if (attempt.kind === 'deferred') {
      this.#transitionTo({ kind: 'none' })
      this.#wantHandshake(now)
    } else if (attempt.kind === 'awaiting-response') {
      if (this.#mayInitiate(now.instant))
        this.#initiate({ startedAt: attempt.startedAt, tries: attempt.tries + 1 }, now)
      else this.#timers.set('rekey-timeout', this.#initiationAllowedAt(now.instant))
    }
  }

  #initiate({ startedAt, tries }: { readonly startedAt: Instant; readonly tries: number }, now: Now): void {
    const { takeIndex, timestamps, emit } = this.#context
    this.#handshakeSentAt = now.instant
    const fields = { localIndex: takeIndex(), timestamp: timestamps.next(now.wall) }
    const local = this.#choice.forTry(tries)
    const initiation = createInitiation(local, this.#remote.towards(local), fields)
    if (typeof initiation === 'string') {
      emit({ kind: 'dropped', reason: initiation })
      this.#giveUp(now.instant)
      return
    }
    const { message, pending } = initiation
    this.#transitionTo({ kind: 'awaiting-response', pending, local, tries, startedAt, sentAt: now.instant })
    this.#timers.set('rekey-attempt', later(startedAt, REKEY_ATTEMPT_TIME))
    this.#timers.set('rekey-timeout', this.#jittered(later(now.instant, REKEY_TIMEOUT)))
    this.#complete(message, pending.localIndex, now.instant)
    emit({ kind: 'send-initiation', peer: this.peer, message })
  }

  /** Adds mac2 to a message that is sent now, and makes way for a cookie reply to it. */
  #complete(message: Uint8Array, localIndex: number, now: Instant): void {
    this.#cookie.complete(message, now)
    this.#forgetMessage()
    this.#messageIndex = localIndex
    this.#context.cookieAwaiting.set(localIndex, this)
  }

  #forgetMessage(): void {
    if (this.#messageIndex !== undefined) this.#context.cookieAwaiting.delete(this.#messageIndex)
    this.#messageIndex = undefined
  }

  /** A response of ours counts too: the peer's session is likely to come into use, and ours would cross it. */
  #initiationAllowedAt(now: Instant): Instant {
    return this.#handshakeSentAt === undefined ? now : later(this.#handshakeSentAt, REKEY_TIMEOUT)
  }

  #mayInitiate(now: Instant): boolean {
    return now >= this.#initiationAllowedAt(now)
  }

  #giveUp(now: Instant): void {
    this.#transitionTo({ kind: 'none' })
    this.#liveness.onGivenUp(now)
    this.#context.emit({ kind: 'drop-staged', peer: this.peer })
    this.#context.emit({ kind: 'given-up', peer: this.peer })
  }

  #install(session: TransportSession, proven: Source, now: Instant): void {
    this.#sessions.install(session, now)
    this.#context.emit({ kind: 'install-session', peer: this.peer, session, proven })
    // The responder may not use the session before it has heard from us with it.
    this.#context.emit({ kind: 'send-keepalive', peer: this.peer })
    this.#onComplete(now)
  }

  #onComplete(now: Instant, next: Attempt<Source> = { kind: 'none' }): void {
    if (next !== this.#attempt) this.#transitionTo(next)
    this.#liveness.onHandshakeComplete(now)
    this.#context.emit({ kind: 'handshake-complete', peer: this.peer })
  }

  #sendKeepalive(now: Instant): void {
    this.#context.emit({ kind: 'send-keepalive', peer: this.peer })
    this.#liveness.onKeepaliveSent(now)
  }

  #retireSessions(): void {
    this.#sessions.clear()
    this.#timers.clear('new-handshake', 'keepalive')
    this.#context.emit({ kind: 'retire-sessions', peer: this.peer })
  }

  #forgetSessions(): void {
    this.#sessions.clear()
    this.#timers.clear('new-handshake', 'keepalive', 'forget-sessions')
    this.#context.emit({ kind: 'forget-sessions', peer: this.peer })
  }

  #transitionTo(attempt: Attempt<Source>): void {
    if (this.#attempt.kind === 'awaiting-response') {
      const { pending } = this.#attempt
      this.#context.awaiting.delete(pending.localIndex)
      pending.ephemeralPrivate.fill(0)
    }
    this.#timers.clear('rekey-attempt', 'rekey-timeout', 'settle-crossing')
    this.#attempt = attempt
    if (attempt.kind === 'awaiting-response') this.#context.awaiting.set(attempt.pending.localIndex, this)
  }

  /** A session that begins now; it ends the wait for forgetting all of them. */
  #derive(established: Established, now: Instant): TransportSession {
    this.#timers.set('forget-sessions', later(now, FORGET_AFTER_TIME))
    return sessionOf(established, now)
  }

  #takeLocals(): void {
    this.#remote.keepSecretsWith(this.#context.locals)
    this.#choice.onLocalsChanged()
  }

  #consumedAnInitiationJustBefore(now: Instant): boolean {
    return this.#initiationConsumedAt !== undefined && now < later(this.#initiationConsumedAt, INITIATION_INTERVAL)
  }

  #givesWay({ publicKey: ours }: LocalKeys): boolean {
    const at = ours.findIndex((byte, i) => byte !== this.#remote.publicKey[i])
    return (ours[at] ?? 0) > (this.#remote.publicKey[at] ?? 0)
  }

  #jittered(at: Instant): Instant {
    return later(at, milliseconds(randomFraction(this.#context.random) * REKEY_JITTER_LIMIT))
  }
}
