import { type Instant, later, seconds } from '@weft/base'
import type { NetmapChange, NetmapPeer } from '@weft/coordinator-protocol'
import type { NodeId } from '@weft/keys'

/** A netmap of 1,000 peers has 3 MB: it is written whole no more often than this. */
const SAVE_EVERY = seconds(5)
/** Of what the whole has, so much may be added before it is written anew: then a change costs about five times itself. */
const ADDED_PART = 1 / 4
const MIN_ADDED = 64

/**
 * How a netmap gets to disk: once whole, then by the changes that lead on from there, until they are many. After a whole one that waits to
 * be written changes are not added, for what is there does not lead to them.
 */
export class NetmapSaving {
  #dueAt: Instant | undefined
  #savedAt: Instant | undefined
  /** What was added since the whole was written, in peers and the like; `undefined` where nothing can be. */
  #added: number | undefined

  /** When the whole is to be written. */
  get dueAt(): Instant | undefined {
    return this.#dueAt
  }

  /** Whether the whole that was written last is an old one. */
  get isOld(): boolean {
    return this.#dueAt !== undefined || (this.#added ?? 0) > 0
  }

  onWhole(now: Instant): void {
    this.#added = undefined
    this.#schedule(now)
  }

  /** Whether the change is to be added; else the whole will be written. */
  onChange(change: NetmapChange, peers: number, now: Instant): boolean {
    if (this.#added === undefined) {
      this.#schedule(now)
      return false
    }
    this.#added += touchedBy(change)
    if (this.#added >= Math.max(MIN_ADDED, peers * ADDED_PART)) this.#schedule(now)
    return true
  }

  saved(now: Instant): void {
    this.#dueAt = undefined
    this.#savedAt = now
    this.#added = 0
  }

  #schedule(now: Instant): void {
    this.#dueAt ??= this.#savedAt === undefined ? now : later(this.#savedAt, SAVE_EVERY)
  }
}

/** Whether it is more than where a peer is heard and whether it is there, which is told anew at any time. */
export function isLasting(
  { upsert, remove, self, grants, records }: NetmapChange,
  claimOf: (id: NodeId) => NetmapPeer | undefined,
): boolean {
  if (remove.length > 0 || [self, grants, records].some((part) => part !== undefined)) return true
  return upsert.some((peer) => {
    const before = claimOf(peer.id)
    return before?.name !== peer.name || before.address4 !== peer.address4 || before.record !== peer.record
  })
}

function touchedBy({ upsert, remove, grants = [], records = [] }: NetmapChange): number {
  return 1 + upsert.length + remove.length + grants.length + records.length
}
