import { between, type Instant, milliseconds } from '@weft/base'

const WINDOW = milliseconds(600_000)
const MAX_IN_WINDOW = 4

/**
 * How often weft sets up the resolver again after another program did. A lease that is renewed rewrites the file now and then,
 * and names go on; a program that rewrites it more often than that in ten minutes is left alone.
 */
export class Takeovers {
  readonly #moments: Instant[] = []

  /** Whether it may be set up again now; each time is noted, also one that was refused. */
  mayAnswer(now: Instant): boolean {
    while (this.#moments[0] !== undefined && between(this.#moments[0], now) >= WINDOW) this.#moments.shift()
    if (this.#moments.length > MAX_IN_WINDOW) this.#moments.shift()
    this.#moments.push(now)
    return this.#moments.length <= MAX_IN_WINDOW
  }
}
