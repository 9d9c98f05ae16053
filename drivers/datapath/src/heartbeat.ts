import type { Duration, Instant } from '@weft/base'
import { BEATS } from './lane-messages.ts'

/** Whether the node still beats: a word in shared memory that it counts up. */
export class Heartbeat {
  readonly #control: Int32Array
  readonly #limit: Duration
  #beats: number
  #seenAt: Instant

  /** A node that has just started the lane is alive. */
  constructor(control: Int32Array, limit: Duration, now: Instant) {
    this.#control = control
    this.#limit = limit
    this.#beats = Atomics.load(control, BEATS)
    this.#seenAt = now
  }

  isSilent(now: Instant): boolean {
    const beats = Atomics.load(this.#control, BEATS)
    if (beats !== this.#beats) {
      this.#beats = beats
      this.#seenAt = now
    }
    return now - this.#seenAt > this.#limit
  }
}
