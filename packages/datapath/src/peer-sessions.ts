import type { Instant } from '@weft/base'
import {
  type PeerIndex,
  REJECT_AFTER_MESSAGES,
  REKEY_AFTER_MESSAGES,
  ReplayWindow,
  type TransportSession,
} from '@weft/wireguard'

/**
 * An AEAD with its key, in place over the forwarder's memory, of which `CIPHER_SLACK_BYTES` behind every tag are there too and stay as they
 * are. Frees what the key lies in when told, once.
 */
export interface PacketCipher {
  /** Makes the plaintext ciphertext, and writes the 16-byte tag behind it. */
  seal(counterLow: number, counterHigh: number, offset: number, length: number): void
  /** `length` is the ciphertext's, the tag lies behind it. False: it does not hold, and what lies there is rubbish. */
  open(counterLow: number, counterHigh: number, offset: number, length: number): boolean
  free(): void
}

export type CipherFactory = (key: Uint8Array, direction: 'seal' | 'open') => PacketCipher

const HALF = 2 ** 32

export function isCounterExhausted(low: number, high: number): boolean {
  return high === REJECT_AFTER_MESSAGES.high && low >= REJECT_AFTER_MESSAGES.low
}

/** A session's keys in use, its counters and replay window. */
export class Session {
  readonly peer: PeerIndex
  readonly localIndex: number
  readonly remoteIndex: number
  readonly sealing: PacketCipher
  readonly opening: PacketCipher
  readonly window = new ReplayWindow()
  /** The next datagram's counter. */
  counterLow = 0
  counterHigh = 0
  readonly #rekeyAfter: Instant | undefined
  readonly #rekeyAfterReceiving: Instant | undefined
  readonly #rejectAfter: Instant
  #isRekeyReported = false

  constructor(peer: PeerIndex, session: TransportSession, cipher: CipherFactory) {
    this.peer = peer
    this.localIndex = session.localIndex
    this.remoteIndex = session.remoteIndex
    this.sealing = cipher(session.sendKey, 'seal')
    this.opening = cipher(session.receiveKey, 'open')
    this.#rekeyAfter = session.rekeyAfter
    this.#rekeyAfterReceiving = session.rekeyAfterReceiving
    this.#rejectAfter = session.rejectAfter
  }

  isExpired(now: Instant): boolean {
    return now >= this.#rejectAfter
  }

  canSend(now: Instant): boolean {
    return now < this.#rejectAfter && !isCounterExhausted(this.counterLow, this.counterHigh)
  }

  advanceCounter(): void {
    this.counterLow += 1
    if (this.counterLow < HALF) return
    this.counterLow = 0
    this.counterHigh += 1
  }

  /** True once, when something was sent that is late enough for a new handshake. */
  becameDueBySending(now: Instant): boolean {
    if (this.#isRekeyReported) return false
    const isDue =
      (this.#rekeyAfter !== undefined && now >= this.#rekeyAfter) || this.counterHigh >= REKEY_AFTER_MESSAGES.high
    this.#isRekeyReported = isDue
    return isDue
  }

  /** As `becameDueBySending`, for what was received. */
  becameDueByReceiving(now: Instant): boolean {
    if (this.#isRekeyReported || this.#rekeyAfterReceiving === undefined || now < this.#rekeyAfterReceiving)
      return false
    this.#isRekeyReported = true
    return true
  }

  free(): void {
    this.sealing.free()
    this.opening.free()
  }
}

/**
 * A peer's sessions: `current` sends; `next` is a responder's that the peer has not used yet; `previous` still receives
 * what was under way. WireGuard paper §6.3. Sessions that fall out are freed and leave the index. Where initiations crossed and `next`
 * becomes `previous`, what was current still receives too, for packets are under way in it: stock WireGuard drops these.
 */
export class PeerSessions {
  readonly #index: SessionIndex
  #previous: Session | undefined
  #beforePrevious: Session | undefined
  #current: Session | undefined
  #next: Session | undefined

  constructor(index: SessionIndex) {
    this.#index = index
  }

  get current(): Session | undefined {
    return this.#current
  }

  installInitiator(session: Session): void {
    this.#index.add(session)
    this.#releasePrevious()
    if (this.#next === undefined) this.#previous = this.#current
    else {
      this.#previous = this.#next
      this.#beforePrevious = this.#current
      this.#next = undefined
    }
    this.#current = session
  }

  installResponder(session: Session): void {
    this.#index.add(session)
    this.#release(this.#next)
    this.#releasePrevious()
    this.#next = session
  }

  /** The peer used the session. True: it was `next` and is `current` from now on. */
  confirm(session: Session): boolean {
    if (session !== this.#next) return false
    this.#releasePrevious()
    this.#previous = this.#current
    this.#current = session
    this.#next = undefined
    return true
  }

  /** Nothing is sent in a session from now on; what was sent to us in the current one is still received. */
  retire(): void {
    this.#release(this.#next)
    this.#next = undefined
    if (this.#current === undefined) return
    this.#releasePrevious()
    this.#previous = this.#current
    this.#current = undefined
  }

  forget(): void {
    this.#releasePrevious()
    this.#release(this.#current)
    this.#release(this.#next)
    this.#current = this.#next = undefined
  }

  #releasePrevious(): void {
    this.#release(this.#previous)
    this.#release(this.#beforePrevious)
    this.#previous = this.#beforePrevious = undefined
  }

  #release(session: Session | undefined): void {
    if (session === undefined) return
    this.#index.remove(session)
    session.free()
  }
}

/** Every session by its local index. */
export class SessionIndex {
  // By `index | 0`: small integers, so that a lookup allocates nothing.
  readonly #sessions = new Map<number, Session>()

  find(localIndex: number): Session | undefined {
    return this.#sessions.get(localIndex | 0)
  }

  add(session: Session): void {
    this.#sessions.set(session.localIndex | 0, session)
  }

  remove(session: Session): void {
    if (this.find(session.localIndex) === session) this.#sessions.delete(session.localIndex | 0)
  }
}
