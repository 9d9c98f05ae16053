import { type Instant, type Random, randomUint32 } from '@weft/base'

/** Milliseconds: longer than any handshake (90 s) and its session (180 s) together live. */
const RESERVED_FOR = 600_000

/** Receiver indices, unique on this node among all that may still be on the wire, and not to be guessed. */
export class ReceiverIndices {
  readonly #random: Random
  /** In the order of taking. */
  readonly #taken = new Map<number, Instant>()

  constructor(random: Random) {
    this.#random = random
  }

  take(now: Instant): number {
    this.#forget(now)
    let index = randomUint32(this.#random)
    while (this.#taken.has(index)) index = randomUint32(this.#random)
    this.#taken.set(index, now)
    return index
  }

  #forget(now: Instant): void {
    for (const [index, at] of this.#taken) {
      if (now - at < RESERVED_FOR) return
      this.#taken.delete(index)
    }
  }
}
