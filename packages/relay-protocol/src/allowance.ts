import type { Instant } from '@weft/base'

/** So much at once, and so much a second after that. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** A token bucket over anything that is counted: bytes, frames. */
export class Allowance {
  readonly #rate: Rate
  #left: number
  #filled: Instant | undefined

  constructor(rate: Rate) {
    this.#rate = rate
    this.#left = rate.burst
  }

  /** Whether so much is within the limit; it then counts. */
  take(amount: number, now: Instant): boolean {
    if (this.#filled !== undefined) {
      const gained = (Math.max(0, now - this.#filled) / 1000) * this.#rate.perSecond
      this.#left = Math.min(this.#rate.burst, this.#left + gained)
    }
    this.#filled = now
    if (this.#left < amount) return false
    this.#left -= amount
    return true
  }
}
