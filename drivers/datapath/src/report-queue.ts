import { type DatapathReport, RING_SLOTS } from '@weft/datapath'
import { CONSUMED, type LaneMessage } from './lane-messages.ts'

/**
 * A lane's way to the node. Of reports that others can cause many of, only `RING_SLOTS` are under way at a time: the node counts in
 * shared memory those that it has taken.
 */
export class ReportQueue {
  readonly #post: (message: LaneMessage) => void
  readonly #control: Int32Array
  #posted = 0

  constructor(post: (message: LaneMessage) => void, control: Int32Array) {
    this.#post = post
    this.#control = control
  }

  report(report: DatapathReport): void {
    this.#post({ kind: 'report', report, isBounded: false })
  }

  /** False: the node has too many yet to take. */
  offer(report: DatapathReport): boolean {
    const underWay = (this.#posted - Atomics.load(this.#control, CONSUMED)) | 0
    if (underWay >= RING_SLOTS) return false
    this.#posted = (this.#posted + 1) | 0
    this.#post({ kind: 'report', report, isBounded: true })
    return true
  }
}
