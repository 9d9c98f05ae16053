/** As many messages may be under way at a time and still overtake each other. */
const REMEMBERED = 128

/** Which of a peer's messages are new: each sequence number counts once, and those that are too old no more. */
export class SequenceWindow {
  readonly #seen = new Set<number>()
  #floor = -1

  accept(sequence: number): boolean {
    if (sequence <= this.#floor || this.#seen.has(sequence)) return false
    this.#seen.add(sequence)
    if (this.#seen.size > REMEMBERED) {
      this.#floor = Math.min(...this.#seen)
      this.#seen.delete(this.#floor)
    }
    return true
  }

  /** The peer may have begun to count anew, from less: it just proved by other means that it is there. */
  lowerFloor(): void {
    this.#floor = -1
  }
}
