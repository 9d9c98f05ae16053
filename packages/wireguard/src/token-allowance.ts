import type { Instant } from '@weft/base'

/** A token bucket that is full at first. */
export class TokenAllowance {
  readonly #perMillisecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: Instant | undefined

  /** `rate`: tokens a second; `burst`: the most that it holds. */
  constructor({ rate, burst }: { readonly rate: number; readonly burst: number }) {
    this.#perMillisecond = rate / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  take(now: Instant): boolean {
    this.#fill(now)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Nothing is known of it that a new one would not know. */
  isFull(now: Instant): boolean {
    this.#fill(now)
    return this.#tokens >= this.#burst
  }

  #fill(now: Instant): void {
    const passed = this.#filledAt === undefined ? 0 : Math.max(0, now - this.#filledAt)
    this.#tokens = Math.min(this.#burst, this.#tokens + passed * this.#perMillisecond)
    this.#filledAt = now
  }
}
