import type { Instant } from '@weft/base'
import { HEARTBEAT_LIMIT } from '@weft/datapath'
import { BEATS } from './lane-messages.ts'

/** Whether the node still beats: a word in shared memory that it counts up. */
export class Heartbeat {
  readonly #control: Int32Array
  #beats: number
  #seenAt: Instant

  /** A node that has just started the lane is alive. */
  constructor(control: Int32Array, now: Instant) {
    this.#control = control
    this.#beats = Atomics.load(control, BEATS)
    this.#seenAt = now
  }

  isSilent(now: Instant): boolean {
    const beats = Atomics.load(this.#control, BEATS)
    if (beats !== this.#beats) {
      this.#beats = beats
      this.#seenAt = now
    }
    return now - this.#seenAt > HEARTBEAT_LIMIT
  }
}
