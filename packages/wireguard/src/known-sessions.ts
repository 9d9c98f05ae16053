import { type Instant, later } from '@weft/base'
import { REJECT_AFTER_TIME, REKEY_AFTER_TIME, REKEY_AFTER_TIME_RECEIVING } from './constants.ts'
import type { TransportKeys } from './handshake.ts'
import type { TransportSession } from './session.ts'

/** What a handshake ends with. */
export interface Established {
  readonly role: TransportSession['role']
  readonly localIndex: number
  readonly remoteIndex: number
  readonly keys: TransportKeys
}

/** A session as the fast path has it. */
interface KnownSession {
  readonly localIndex: number
  readonly createdAt: Instant
  readonly rejectAfter: Instant
}

/**
 * The sessions of a tunnel, which the fast path holds and moves itself, by their indices: *current*, and *next*, a responder's that the
 * peer has not used yet. A session of the initiator is current when it is installed, and *next* drops out then.
 */
export class KnownSessions {
  #current: KnownSession | undefined
  #next: KnownSession | undefined

  get isEmpty(): boolean {
    return this.#current === undefined && this.#next === undefined
  }

  get currentIndex(): number | undefined {
    return this.#current?.localIndex
  }

  canSend(now: Instant): boolean {
    return this.#current !== undefined && now < this.#current.rejectAfter
  }

  /** Whether the peer was offered a session since then, and has not used it yet. */
  wasOfferedSince(moment: Instant): boolean {
    return this.#next !== undefined && this.#next.createdAt >= moment
  }

  offer(session: TransportSession, now: Instant): void {
    this.#next = known(session, now)
  }

  /** The peer used the session of that index. Nothing: it is not the one that it was offered last. */
  confirm(localIndex: number): KnownSession | undefined {
    if (localIndex !== this.#next?.localIndex) return undefined
    this.#current = this.#next
    this.#next = undefined
    return this.#current
  }

  install(session: TransportSession, now: Instant): void {
    this.#current = known(session, now)
    this.#next = undefined
  }

  clear(): void {
    this.#current = undefined
    this.#next = undefined
  }
}

/** A session that begins now. */
export function sessionOf({ role, localIndex, remoteIndex, keys }: Established, now: Instant): TransportSession {
  const isInitiator = role === 'initiator'
  return {
    role,
    localIndex,
    remoteIndex,
    sendKey: keys.sendKey,
    receiveKey: keys.receiveKey,
    rekeyAfter: isInitiator ? later(now, REKEY_AFTER_TIME) : undefined,
    rekeyAfterReceiving: isInitiator ? later(now, REKEY_AFTER_TIME_RECEIVING) : undefined,
    rejectAfter: later(now, REJECT_AFTER_TIME),
  }
}

function known(session: TransportSession, createdAt: Instant): KnownSession {
  return { localIndex: session.localIndex, createdAt, rejectAfter: session.rejectAfter }
}
