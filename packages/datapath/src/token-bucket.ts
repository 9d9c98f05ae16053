import type { Instant } from '@weft/base'

/** Lets through `burst` at once and `rate` a second at length. */
export class TokenBucket {
  readonly #perMillisecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: Instant | undefined

  constructor(rate: number, burst: number) {
    this.#perMillisecond = rate / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  take(now: Instant): boolean {
    const elapsed = this.#filledAt === undefined ? 0 : Math.max(0, now - this.#filledAt)
    this.#filledAt = now
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsed * this.#perMillisecond)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
