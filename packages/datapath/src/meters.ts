import type { Instant } from '@weft/base'
import type { PeerIndex } from '@weft/wireguard'
import { DROP_REASONS, type DropCounters, type DropReason, type PeerMeter, type PeerMeters } from './datapath.ts'

/**
 * Meters and drop counters as doubles in memory that may be shared between threads: one thread writes, others read at any
 * time. A double at a multiple of 8 is written in one piece by every machine that weft runs on; two of them may be of different moments.
 *
 * A peer's meter is six doubles: bytes sent, bytes received, and four moments. A moment is stored one millisecond late, so that
 * 0, which fresh memory holds, means never.
 */
export const MAX_PEERS = 16_384
const METER_WORDS = 6
const SENT_BYTES = 0
const RECEIVED_BYTES = 1
const LAST_SENT = 2
const LAST_RECEIVED = 3
const UNANSWERED_SINCE = 4
const OWED_SINCE = 5

export const METERS_BYTES = MAX_PEERS * METER_WORDS * 8
export const DROPS_BYTES = DROP_REASONS.length * 8

export class Meters implements PeerMeters {
  readonly #words: Float64Array

  /** Over `METERS_BYTES` of memory, zero where new. */
  constructor(memory: ArrayBufferLike) {
    this.#words = new Float64Array(memory, 0, MAX_PEERS * METER_WORDS)
  }

  meter(peer: PeerIndex): PeerMeter {
    const at = peer * METER_WORDS
    return {
      sentBytes: this.#words[at + SENT_BYTES] ?? 0,
      receivedBytes: this.#words[at + RECEIVED_BYTES] ?? 0,
      lastSent: this.#moment(at + LAST_SENT),
      lastReceived: this.#moment(at + LAST_RECEIVED),
      unansweredSince: this.#moment(at + UNANSWERED_SINCE),
      owedSince: this.#moment(at + OWED_SINCE),
    }
  }

  reset(peer: PeerIndex): void {
    this.#words.fill(0, peer * METER_WORDS, (peer + 1) * METER_WORDS)
  }

  /** A datagram was sent; `isData`: it held a packet. */
  onSent(peer: PeerIndex, bytes: number, isData: boolean, now: Instant): void {
    const words = this.#words
    const at = peer * METER_WORDS
    words[at + SENT_BYTES] = (words[at + SENT_BYTES] ?? 0) + bytes
    words[at + LAST_SENT] = now + 1
    words[at + OWED_SINCE] = 0
    if (isData && words[at + UNANSWERED_SINCE] === 0) words[at + UNANSWERED_SINCE] = now + 1
  }

  /** An authentic datagram came; `isData`: it held a packet. */
  onReceived(peer: PeerIndex, bytes: number, isData: boolean, now: Instant): void {
    const words = this.#words
    const at = peer * METER_WORDS
    words[at + RECEIVED_BYTES] = (words[at + RECEIVED_BYTES] ?? 0) + bytes
    words[at + LAST_RECEIVED] = now + 1
    words[at + UNANSWERED_SINCE] = 0
    if (isData && words[at + OWED_SINCE] === 0) words[at + OWED_SINCE] = now + 1
  }

  /** A session was made, so a handshake message of the peer was authentic. */
  onHandshake(peer: PeerIndex): void {
    this.#words[peer * METER_WORDS + UNANSWERED_SINCE] = 0
  }

  isUnanswered(peer: PeerIndex): boolean {
    return this.#words[peer * METER_WORDS + UNANSWERED_SINCE] !== 0
  }

  isOwed(peer: PeerIndex): boolean {
    return this.#words[peer * METER_WORDS + OWED_SINCE] !== 0
  }

  #moment(at: number): Instant | undefined {
    const stored = this.#words[at] ?? 0
    return stored === 0 ? undefined : ((stored - 1) as Instant)
  }
}

export class Drops {
  readonly #counts: Float64Array

  /** Over `DROPS_BYTES` of memory, zero where new. */
  constructor(memory: ArrayBufferLike) {
    this.#counts = new Float64Array(memory, 0, DROP_REASONS.length)
  }

  count(reason: DropReason, times = 1): void {
    const at = dropIndices[reason]
    this.#counts[at] = (this.#counts[at] ?? 0) + times
  }

  read(): DropCounters {
    return Object.fromEntries(DROP_REASONS.map((reason, at) => [reason, this.#counts[at] ?? 0])) as DropCounters
  }
}

const dropIndices = Object.fromEntries(DROP_REASONS.map((reason, at) => [reason, at])) as Record<DropReason, number>
