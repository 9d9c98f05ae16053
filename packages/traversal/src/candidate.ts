import {
  between,
  type Duration,
  endpointParts,
  familyOf,
  type Instant,
  isPrivate,
  later,
  milliseconds,
  seconds,
} from '@weft/base'
import type { DirectPath } from '@weft/datapath'
import { PathMtu } from './path-mtu.ts'
import { RoundTrips } from './round-trips.ts'

/** A proof is good for so long: two heartbeats may be lost. */
const TRUSTED_FOR = seconds(13)
/** Within it, two round trips are as good as equal: so many ms, or a share of the longer one. */
const RTT_MARGIN = { ms: 3, share: 0.15 }
/** Within it, one LAN's own way counts as no longer than the one by its router, whatever a busy machine measures. */
const LAN_RTT_MARGIN = { ms: 10, share: 0.5 }
const LEAST_PATIENCE_MS = 400
const UNKNOWN_RTT_MS = 400
/** A path that failed has to answer for so long before it is used again; twice as long with each failure, up to the last. */
const FIRST_HOLD_MS = 1_000
const LAST_HOLD_MS = 30_000
/** Failures count together when they come within it. */
const FLAPPING = seconds(60)

/** One direct way to a peer that may work, with what is known of it. */
export class Candidate {
  path: DirectPath
  readonly mtu = new PathMtu()
  readonly #roundTrips = new RoundTrips()
  readonly #place: { readonly family: 4 | 6; readonly isPrivate: boolean }
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
    const { address } = endpointParts(path.remote)
    this.#place = { family: familyOf(address), isPrivate: isPrivate(address) }
  }

  onProbeSent(now: Instant): void {
    this.sentAt = now
    this.askedAt ??= now
    this.unanswered++
  }

  onProven(rttMs: number | undefined, now: Instant): void {
    this.provenAt = now
    if (rttMs !== undefined) this.#roundTrips.add(rttMs)
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
    this.#roundTrips.end()
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

  /** The shortest round trip of the last few. */
  get rttMs(): number | undefined {
    return this.#roundTrips.shortest
  }

  /** Whether its round trip was measured often enough to be compared with others'. */
  get isMeasured(): boolean {
    return this.#roundTrips.areEnough
  }

  /** How long an answer may take, from what is known of the path. */
  get patience(): Duration {
    return milliseconds(Math.max(LEAST_PATIENCE_MS, 2 * (this.#roundTrips.last ?? UNKNOWN_RTT_MS) + 200))
  }

  /** Whether it should take the place of a trusted one: by a clearly shorter round trip, else where it is preferred. */
  isBetterThan(other: Candidate): boolean {
    const [own, others] = [this.rttMs ?? Infinity, other.rttMs ?? Infinity]
    const [a, b] = [this.#place, other.#place]
    const { ms, share } = a.family === b.family && a.isPrivate !== b.isPrivate ? LAN_RTT_MARGIN : RTT_MARGIN
    const margin = Math.max(ms, share * Math.min(Math.max(own, others), 10_000))
    if (Math.abs(own - others) > margin) return own < others
    return this.isPreferredTo(other)
  }

  /** Where both are about as long: IPv6 before IPv4, else a private address before a public one, else not. */
  isPreferredTo(other: Candidate): boolean {
    const [a, b] = [this.#place, other.#place]
    if (a.family !== b.family) return a.family === 6
    return a.isPrivate && !b.isPrivate
  }

  #isHeld(now: Instant): boolean {
    if (this.#failedAt === undefined || between(this.#failedAt, now) >= FLAPPING) return false
    const hold = Math.min(LAST_HOLD_MS, FIRST_HOLD_MS * 2 ** (this.#failures - 1))
    return this.#answersSince === undefined || between(this.#answersSince, now) < hold
  }
}
