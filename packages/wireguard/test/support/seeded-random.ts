import type { Random } from '@weft/base'

/** The same bytes for the same seed: Mulberry32. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** Uniform in [0, below), a whole number. */
  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit)
  }

  chance(probability: number): boolean {
    return this.#next() < probability * 2 ** 32
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#next() >>> 24
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
