import { between, endpointParts, familyOf, type Instant, isPrivate, later, milliseconds, seconds } from '@weft/base'
import type { DirectPath } from '@weft/datapath'
import { PathMtu } from './path-mtu.ts'

/** A proof is good for so long: two heartbeats may be lost. */
const TRUSTED_FOR = seconds(13)
/** Within it, two round trips are as good as equal; the rest is a share of the longer one. */
const RTT_MARGIN_MS = 3
const RTT_MARGIN_SHARE = 0.15
/** A path that failed has to answer for so long before it is used again; twice as long with each failure, up to the last. */
const FIRST_HOLD_MS = 1_000
const LAST_HOLD_MS = 30_000
/** Failures count together when they come within it. */
const FLAPPING = seconds(60)

/** One direct way to a peer that may work, with what is known of it. */
export class Candidate {
  path: DirectPath
  readonly mtu = new PathMtu()
  rttMs: number | undefined
  provenAt: Instant | undefined
  sentAt: Instant | undefined
  /** The first probe since the last proof. */
  askedAt: Instant | undefined
  /** Probes since the last proof. */
  unanswered = 0
  #failedAt: Instant | undefined
  #failures = 0
  /** Since when it has answered without a failure. */
  #answersSince: Instant | undefined

  constructor(path: DirectPath) {
    this.path = path
  }

  onProbeSent(now: Instant): void {
    this.sentAt = now
    this.askedAt ??= now
    this.unanswered++
  }

  onProven(rttMs: number | undefined, now: Instant): void {
    this.provenAt = now
    this.rttMs = rttMs ?? this.rttMs
    this.askedAt = undefined
    this.unanswered = 0
    this.#answersSince ??= now
  }

  onFailed(now: Instant): void {
    const isFlapping = this.#failedAt !== undefined && between(this.#failedAt, now) < FLAPPING
    this.#failures = isFlapping ? this.#failures + 1 : 1
    this.#failedAt = now
    this.forgetProof()
  }

  forgetProof(): void {
    this.mtu.forget()
    this.provenAt = undefined
    this.#answersSince = undefined
    this.askedAt = undefined
    this.unanswered = 0
  }

  /** The machine has other addresses: it is to be proven anew, from whichever the system chooses. */
  forgetLocal(): void {
    const { local: _gone, ...path } = this.path
    this.path = path
    this.forgetProof()
  }

  isTrusted(now: Instant): boolean {
    return this.isAnswering(now) && !this.#isHeld(now)
  }

  /** Whether it was proven lately, though perhaps not yet for long enough. */
  isAnswering(now: Instant): boolean {
    return this.provenAt !== undefined && later(this.provenAt, TRUSTED_FOR) >= now
  }

  /** How long an answer may take, from what is known of the path. */
  get patience(): ReturnType<typeof milliseconds> {
    return milliseconds(Math.max(400, 2 * (this.rttMs ?? 0) + 200))
  }

  /**
   * Whether it should take the place of a trusted one: by a clearly shorter round trip, else IPv6 before IPv4, else a
   * private address before a public one, else not.
   */
  isBetterThan(other: Candidate): boolean {
    const [own, others] = [this.rttMs ?? Infinity, other.rttMs ?? Infinity]
    const margin = Math.max(RTT_MARGIN_MS, RTT_MARGIN_SHARE * Math.min(Math.max(own, others), 10_000))
    if (Math.abs(own - others) > margin) return own < others
    const [a, b] = [endpointParts(this.path.remote).address, endpointParts(other.path.remote).address]
    if (familyOf(a) !== familyOf(b)) return familyOf(a) === 6
    return isPrivate(a) && !isPrivate(b)
  }

  #isHeld(now: Instant): boolean {
    if (this.#failedAt === undefined || between(this.#failedAt, now) >= FLAPPING) return false
    const hold = Math.min(LAST_HOLD_MS, FIRST_HOLD_MS * 2 ** (this.#failures - 1))
    return this.#answersSince === undefined || between(this.#answersSince, now) < hold
  }
}
