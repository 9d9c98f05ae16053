import type { Instant } from '@weft/base'

/** So many at once, and so many a second after that. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** A token bucket. */
export class RateLimit {
  readonly #rate: Rate
  #tokens: number
  #filled: Instant | undefined

  constructor(rate: Rate) {
    this.#rate = rate
    this.#tokens = rate.burst
  }

  /** Whether one more is within the limit; it then counts. */
  take(now: Instant): boolean {
    if (this.#filled !== undefined) {
      const gained = (Math.max(0, now - this.#filled) / 1000) * this.#rate.perSecond
      this.#tokens = Math.min(this.#rate.burst, this.#tokens + gained)
    }
    this.#filled = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
