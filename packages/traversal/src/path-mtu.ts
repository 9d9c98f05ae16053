import { between, type Duration, type Instant, milliseconds, seconds } from '@weft/base'

/** Bytes of a tunnel packet that a path is taken to carry until it is known: what IPv6 needs (RFC 8200 §5). */
export const UNPROVEN_PATH_MTU = 1280
/** No path carries more, for Ethernet's 1,500 bytes leave so many by IPv6: 40 of IPv6, 8 of UDP, 32 of the tunnel. */
export const MOST_PATH_MTU = 1420
/** What usual links leave, by IPv4 or IPv6: Ethernet, PPPoE, mobile networks, tunnels in tunnels; the last ones hardly any. */
const SIZES = [MOST_PATH_MTU, 1412, 1400, 1380, 1360, 1340, 1320, 1300, UNPROVEN_PATH_MTU, 1240, 1200, 1000]
/** First the largest alone, which most paths carry; then all that are in question, twice, for one may be lost. */
const ROUNDS = 3
/** What was not carried is tried again after so long: RFC 8899 §5.1.1 has 600 s. */
const RAISE_AFTER = seconds(300)
/** A confirmation that stays away is asked for again after so long. */
const CONFIRM_AGAIN = milliseconds(250)

/** What is known of the path besides. */
export interface PathStanding {
  /** How long an answer may take. */
  readonly patience: Duration
  /** When a small probe was last answered. */
  readonly smallAnswered: Instant | undefined
}

type Phase =
  | { readonly kind: 'untried' }
  | { readonly kind: 'searching'; readonly round: number; readonly asked: Instant | undefined }
  | { readonly kind: 'settled'; readonly since: Instant }

/**
 * The longest tunnel packet that one direct path carries, as padded probes prove it: RFC 8899, without any word of routers.
 *
 * *untried*: `UNPROVEN_PATH_MTU`. *Searching*: sizes are asked for, a round each, and what is answered counts at once; where
 * nothing is, it stays. *Settled*: what was proven is asked for again with each heartbeat. Where that stays unanswered and
 * small probes do not, the path has a hole: all begins anew, but without the hope that the first round is.
 */
export class PathMtu {
  #proven: number | undefined
  #phase: Phase = { kind: 'untried' }
  /** Since the last that was answered. */
  #confirmations: { readonly first: Instant; readonly last: Instant; readonly count: number } | undefined

  get bytes(): number {
    return this.#proven ?? UNPROVEN_PATH_MTU
  }

  /** The sizes to ask for now. */
  due(path: PathStanding, now: Instant): readonly number[] {
    if (this.#hasHole(path, now)) this.#startOver()
    const phase = this.#phase
    switch (phase.kind) {
      case 'untried':
        return this.#ask(0, now)
      case 'searching':
        return phase.asked !== undefined && between(phase.asked, now) < path.patience
          ? []
          : this.#ask(phase.round + 1, now)
      case 'settled': {
        const isAsked = this.#confirmations !== undefined && between(this.#confirmations.last, now) >= CONFIRM_AGAIN
        const unconfirmed = isAsked ? this.confirm(now) : undefined
        if (unconfirmed !== undefined) return [unconfirmed]
        const mayRaise = this.bytes < MOST_PATH_MTU && between(phase.since, now) >= RAISE_AFTER
        return mayRaise ? this.#ask(0, now) : []
      }
    }
  }

  /** The size to ask for beside a small probe, where one was proven. */
  confirm(now: Instant): number | undefined {
    if (this.#proven === undefined) return undefined
    const { first = now, count = 0 } = this.#confirmations ?? {}
    this.#confirmations = { first, last: now, count: count + 1 }
    return this.#proven
  }

  onAnswered(bytes: number, now: Instant): void {
    if (bytes < (this.#proven ?? 0)) return
    this.#proven = bytes
    this.#confirmations = undefined
    if (bytes === MOST_PATH_MTU) this.#phase = { kind: 'settled', since: now }
  }

  forget(): void {
    this.#proven = undefined
    this.#phase = { kind: 'untried' }
    this.#confirmations = undefined
  }

  /** Small probes are answered, while long ones vanish. */
  #hasHole({ smallAnswered, patience }: PathStanding, now: Instant): boolean {
    const asked = this.#confirmations
    if (asked === undefined || asked.count < 2 || between(asked.first, now) < patience) return false
    return smallAnswered !== undefined && smallAnswered >= asked.first
  }

  /** The next round, which is due, asks for all. */
  #startOver(): void {
    this.forget()
    this.#phase = { kind: 'searching', round: 0, asked: undefined }
  }

  #ask(round: number, now: Instant): readonly number[] {
    const sizes = round === 0 ? [MOST_PATH_MTU] : SIZES.filter((size) => size > (this.#proven ?? 0))
    if (round === ROUNDS || sizes.length === 0) {
      this.#phase = { kind: 'settled', since: now }
      return []
    }
    this.#phase = { kind: 'searching', round, asked: now }
    return sizes
  }
}
