import { between, type Instant, later, milliseconds, seconds } from '@weft/base'

/** While data stay unanswered, the peer is asked by the relay again so often until it replies, and then again after so long. */
const PROBE_AGAIN = milliseconds(250)
const PROVEN_FOR = seconds(1)
const LEAST_PATIENCE_MS = 750
/** What failed is asked again after so long; four times as long with each failure, up to the last. */
const FIRST_HOLD_MS = 10_000
const LAST_HOLD_MS = 600_000
/** Failures count together when they come within it. */
const FLAPPING = seconds(1_200)
/** What a relay said of a peer's absence is old then; for longer where the peer was there after all, again and again. */
const ABSENT_MS = 2_000
const BELIEVED = 3

/** Whether one relay leads to one peer, as far as is known. */
export class RelayProof {
  /** When the peer last replied by it. */
  provenAt: Instant | undefined
  #rttMs = 0
  #sentAt: Instant | undefined
  /** The first probe since the last reply. */
  #askedAt: Instant | undefined
  /** Probes since the last reply. */
  #unanswered = 0
  #failedAt: Instant | undefined
  #failures = 0
  #heldUntil: Instant | undefined
  /** Nothing came back by it, and nothing since. */
  #isSuspect = false
  #absentUntil: Instant | undefined
  #contradictedAt: Instant | undefined
  #contradictions = 0

  /** `replies`: whether the peer replies to probes by relay at all; otherwise time has to heal. */
  isGood(replies: boolean, now: Instant): boolean {
    return !this.isAbsent(now) && !this.isSilent(replies, now)
  }

  /** The relay says that the peer is not there. */
  isAbsent(now: Instant): boolean {
    return this.#absentUntil !== undefined && this.#absentUntil > now
  }

  /** Nothing came back by it, though the relay itself may be there. */
  isSilent(replies: boolean, now: Instant): boolean {
    return this.#isSuspect && (replies || this.#isHeld(now))
  }

  /** It failed, and may be asked again. */
  isOnTrial(now: Instant): boolean {
    return this.#isSuspect && !this.#isHeld(now)
  }

  /** `lastSent`: of data, that a reply can speak for. */
  isDue(lastSent: Instant | undefined, now: Instant): boolean {
    if (this.#sentAt === undefined) return true
    const isAsking = this.#askedAt !== undefined
    if (!isAsking && lastSent !== undefined && lastSent <= this.#sentAt) return false
    return between(this.#sentAt, now) >= (isAsking && !this.#isHeld(now) ? PROBE_AGAIN : PROVEN_FOR)
  }

  hasFailed(now: Instant): boolean {
    if (this.#askedAt === undefined || this.#unanswered < 2 || this.#isHeld(now)) return false
    return between(this.#askedAt, now) >= Math.max(LEAST_PATIENCE_MS, 2 * this.#rttMs + 200)
  }

  onProbeSent(now: Instant): void {
    this.#sentAt = now
    this.#askedAt ??= now
    this.#unanswered++
  }

  /** The peer replied to what was sent then. */
  onProven(sent: Instant, now: Instant): void {
    this.provenAt = now
    this.#rttMs = between(sent, now)
    this.settle()
    this.onHeard(now)
  }

  /** Nothing is waited for any more. */
  settle(): void {
    this.#askedAt = undefined
    this.#unanswered = 0
  }

  onFailed(now: Instant): void {
    const isFlapping = this.#failedAt !== undefined && between(this.#failedAt, now) < FLAPPING
    this.#failures = isFlapping ? this.#failures + 1 : 1
    this.#failedAt = now
    this.#isSuspect = true
    this.#heldUntil = later(now, milliseconds(holdMs(this.#failures)))
    this.settle()
  }

  onAbsent(now: Instant): void {
    const doubtful = this.#contradictions - BELIEVED
    this.#absentUntil = later(now, milliseconds(doubtful <= 0 ? ABSENT_MS : holdMs(doubtful)))
  }

  /** The peer is said to be at the relay, by itself; whether the relay has been wrong about it too often. */
  onTold(now: Instant): boolean {
    if (!this.isAbsent(now)) return false
    const isFlapping = this.#contradictedAt !== undefined && between(this.#contradictedAt, now) < FLAPPING
    this.#contradictions = isFlapping ? this.#contradictions + 1 : 1
    this.#contradictedAt = now
    // A relay that says so of whom it carries is of little use, whoever is right.
    if (this.#contradictions > BELIEVED) return true
    this.#absentUntil = undefined
    return false
  }

  /** The peer was heard by the relay. */
  onHeard(now: Instant): boolean {
    this.#isSuspect = false
    this.#heldUntil = undefined
    return this.onTold(now)
  }

  #isHeld(now: Instant): boolean {
    return this.#heldUntil !== undefined && this.#heldUntil > now
  }
}

const holdMs = (failures: number): number => Math.min(LAST_HOLD_MS, FIRST_HOLD_MS * 4 ** (failures - 1))
