/** So many of the last measurements count. */
const KEPT = 4
/** With so many, one that a busy machine or a first packet's detours made long misleads no more. */
const ENOUGH = 3

/** How long one path's answers took lately. What delays one of them only ever adds, so the shortest tells of the path. */
export class RoundTrips {
  #lately: readonly number[] = []
  #areOver = false

  get shortest(): number | undefined {
    return this.#lately.length === 0 ? undefined : Math.min(...this.#lately)
  }

  get last(): number | undefined {
    return this.#lately.at(-1)
  }

  get areEnough(): boolean {
    return !this.#areOver && this.#lately.length >= ENOUGH
  }

  /** @param ms milliseconds. */
  add(ms: number): void {
    this.#lately = [...(this.#areOver ? [] : this.#lately), ms].slice(-KEPT)
    this.#areOver = false
  }

  /** The path may be another one now: they hold until one is measured again. */
  end(): void {
    this.#areOver = true
  }
}
