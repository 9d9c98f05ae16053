import { type DatapathReport, RELAYED_SLOTS, RING_SLOTS, relayedSlots } from '@weft/datapath'
import { CONSUMED, CONSUMED_RELAYED, type LaneMessage } from './lane-messages.ts'

/**
 * A lane's way to the node. Of reports that others can cause many of, only `RING_SLOTS` are under way at a time, and of datagrams for relays `RELAYED_SLOTS` KiB: the
 * node counts in shared memory what it has taken.
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
    const slots = isRelayed ? relayedSlots(report.run) : 1
    const posted = ((isRelayed ? this.#postedRelayed : this.#posted) + slots) | 0
    const underWay = (posted - Atomics.load(this.#control, isRelayed ? CONSUMED_RELAYED : CONSUMED)) | 0
    if (underWay > (isRelayed ? RELAYED_SLOTS : RING_SLOTS)) return false
    if (isRelayed) this.#postedRelayed = posted
    else this.#posted = posted
    this.#post({ kind: 'report', report, isBounded: true })
    return true
  }
}
