import type { Instant } from './time.ts'

/** So much at once, and so much a second after that. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

const TOKENS = 0
const FILLED_AT = 1

/** Holds to a rate whatever is counted: packets, bytes, handshakes. Full at first. */
export class TokenBucket {
  readonly #burst: number
  readonly #perMillisecond: number
  /** In an array, so that a take makes no garbage: a fraction that a field is given is a new object. */
  readonly #state = new Float64Array(2)

  constructor({ burst, perSecond }: Rate) {
    this.#burst = burst
    this.#perMillisecond = perSecond / 1000
    this.#state[TOKENS] = burst
  }

  /** Whether so much is within the rate; only then it counts. */
  take(now: Instant, amount = 1): boolean {
    const tokens = this.#fill(now)
    if (tokens < amount) return false
    this.#state[TOKENS] = tokens - amount
    return true
  }

  /** Nothing is known of it that a new one would not know. */
  isFull(now: Instant): boolean {
    return this.#fill(now) >= this.#burst
  }

  #fill(now: Instant): number {
    const state = this.#state
    const passed = Math.max(0, now - (state[FILLED_AT] ?? 0))
    const tokens = Math.min(this.#burst, (state[TOKENS] ?? 0) + passed * this.#perMillisecond)
    state[FILLED_AT] = now
    state[TOKENS] = tokens
    return tokens
  }
}
