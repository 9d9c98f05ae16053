/** Bits in the ring: a power of two, so that a counter finds its bit by masking. */
const RING_BITS = 16_384
const WORDS = RING_BITS / 32
/** A whole word is cleared ahead of the highest counter, so the window is one word less than the ring. RFC 6479 §2. */
const WIDTH = RING_BITS - 32

/**
 * Which counters of a session have been received. RFC 6479. Counters come in any order; one that is repeated, or lies
 * 16,352 or more behind the highest, is refused. Counters are two unsigned 32-bit halves; nothing is allocated per call.
 */
export class ReplayWindow {
  readonly #seen = new Uint32Array(WORDS)
  /** The highest counter accepted: low, high. */
  readonly #highest = new Uint32Array(2)

  /** Marks the counter and tells whether it is new. Only for datagrams that have been authenticated. */
  accept(low: number, high: number): boolean {
    const highestLow = this.#highest[0] as number
    const highestHigh = this.#highest[1] as number
    // Differences this large lose precision only far outside the window, where their size no longer matters.
    const ahead = (high - highestHigh) * 2 ** 32 + (low - highestLow)
    if (ahead <= -WIDTH) return false
    if (ahead > 0) {
      this.#clearUpTo(low >>> 5, (high - highestHigh) * 2 ** 27 + ((low >>> 5) - (highestLow >>> 5)))
      this.#highest[0] = low
      this.#highest[1] = high
    }
    const word = (low >>> 5) & (WORDS - 1)
    const bit = 1 << (low & 31)
    const seen = this.#seen[word] as number
    if ((seen & bit) !== 0) return false
    this.#seen[word] = seen | bit
    return true
  }

  #clearUpTo(block: number, count: number): void {
    const cleared = Math.min(count, WORDS)
    for (let i = 0; i < cleared; i++) this.#seen[(block - i) & (WORDS - 1)] = 0
  }
}
