import { type Duration, milliseconds, type Random, randomFraction } from '@weft/base'

const FIRST_DELAY = 1_000
const LAST_DELAY = 60_000

/**
 * How long to wait before the next try: doubled with each failure up to a minute, and of that a half to the whole, drawn
 * anew each time, so that not all nodes come back to a coordinator at once.
 */
export class Backoff {
  readonly #random: Random
  #failures = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** From 0.5–1 s to 30–60 s. */
  next(): Duration {
    const longest = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** Math.min(this.#failures, 16))
    this.#failures++
    return milliseconds((longest / 2) * (1 + randomFraction(this.#random)))
  }

  reset(): void {
    this.#failures = 0
  }
}
