import { type DatapathReport, RELAYED_SLOTS, RING_SLOTS } from '@weft/datapath'
import { consumedBy, type LaneMessage } from './lane-messages.ts'

/**
 * A lane's way to the node. Of reports that others can cause many of, only `RING_SLOTS` are under way at a time, and of datagrams for relays `RELAYED_SLOTS`: the
 * node counts in shared memory those that it has taken.
 */
export class ReportQueue {
  readonly #post: (message: LaneMessage) => void
  readonly #control: Int32Array
  #posted = 0
  #postedRelayed = 0

  constructor(post: (message: LaneMessage) => void, control: Int32Array) {
    this.#post = post
    this.#control = control
  }

  report(report: DatapathReport): void {
    this.#post({ kind: 'report', report, isBounded: false })
  }

  /** False: the node has too many yet to take. */
  offer(report: DatapathReport): boolean {
    const isRelayed = report.kind === 'relayed'
    const posted = isRelayed ? this.#postedRelayed : this.#posted
    const underWay = (posted - Atomics.load(this.#control, consumedBy(report))) | 0
    if (underWay >= (isRelayed ? RELAYED_SLOTS : RING_SLOTS)) return false
    if (isRelayed) this.#postedRelayed = (posted + 1) | 0
    else this.#posted = (posted + 1) | 0
    this.#post({ kind: 'report', report, isBounded: true })
    return true
  }
}
