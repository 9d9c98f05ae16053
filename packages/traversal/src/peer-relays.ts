import { between, type Instant, seconds } from '@weft/base'
import type { NodeId } from '@weft/keys'

/** What a relay said of a peer's absence is old then. */
const ABSENT_FOR = seconds(2)
/** Data by relay that is not answered for so long is a reason to ask whether the relay is there, and so long lies between two questions. */
const DISTRESS = seconds(1)
const DOUBT_AGAIN = seconds(5)
/** The peer's relays are asked for again so often while it is in use. */
const WANT_AGAIN = seconds(10)

export interface PeerRelaysHost {
  /** Those that are connected, the home relay first. */
  relays(): readonly NodeId[]
  /** Connections to these are of use, where the mesh has them. */
  wantRelays(relays: readonly NodeId[], now: Instant): void
  /** The peer is at none that is connected: any other may be of use. */
  searchRelays(now: Instant): void
  doubt(relay: NodeId): void
}

/** By which relay one peer is reached: its own home where that is connected, its second, else one of this node's. */
export class PeerRelays {
  readonly #host: PeerRelaysHost
  readonly #absent = new Map<NodeId, Instant>()
  /** By which nothing came back lately, though the relay itself may be there. */
  readonly #silent = new Map<NodeId, Instant>()
  /** Where the peer says that it is, its home first. */
  #told: readonly NodeId[] = []
  #doubtedAt: Instant | undefined
  #wantedAt: Instant | undefined

  constructor(host: PeerRelaysHost) {
    this.#host = host
  }

  /** The first at which the peer may be heard, else the first. */
  best(now: Instant): NodeId | undefined {
    const relays = this.#inOrder()
    return relays.find((relay) => this.#isGood(relay, now)) ?? relays[0]
  }

  /** All by which a first word may arrive: that of the peer, where it is known. */
  likely(now: Instant): readonly NodeId[] {
    const best = this.best(now)
    if (best === undefined || this.#told.includes(best)) return best === undefined ? [] : [best]
    const good = this.#inOrder().filter((relay) => this.#isGood(relay, now))
    return good.length === 0 ? [best] : good
  }

  /** At which the peer is to look for this node: those by which nothing comes back, last. */
  toTell(now: Instant): readonly NodeId[] {
    const relays = this.#host.relays()
    const silent = relays.filter((relay) => this.#isSilent(relay, now))
    return [...relays.filter((relay) => !silent.includes(relay)), ...silent]
  }

  /** Whether the peer may be at one of them. */
  reaches(now: Instant): boolean {
    return this.#host.relays().some((relay) => !this.#isAbsent(relay, now))
  }

  has(relay: NodeId): boolean {
    return this.#host.relays().includes(relay)
  }

  /** Whether the peer is at home there, or has it for its second. */
  isOfPeer(relay: NodeId): boolean {
    return this.#told.includes(relay)
  }

  onAbsent(relay: NodeId, now: Instant): void {
    this.#absent.set(relay, now)
    if (this.#host.relays().every((each) => this.#isAbsent(each, now))) this.#host.searchRelays(now)
  }

  /** The peer says where it is; that it can be heard there, it cannot know. */
  onTold(relays: readonly NodeId[], now: Instant): void {
    this.#told = relays
    for (const relay of relays) this.#absent.delete(relay)
    this.#want(now)
  }

  /** While the peer is in use. */
  keep(now: Instant): void {
    if (this.#wantedAt === undefined || between(this.#wantedAt, now) >= WANT_AGAIN) this.#want(now)
  }

  /** Whether another should be tried. */
  onUnanswered(relay: NodeId, since: Instant, now: Instant): boolean {
    if (between(since, now) < DISTRESS) return false
    if (this.#doubtedAt !== undefined && between(this.#doubtedAt, now) < DOUBT_AGAIN) return false
    this.#doubtedAt = now
    this.#silent.set(relay, now)
    this.#host.doubt(relay)
    return true
  }

  #want(now: Instant): void {
    this.#wantedAt = now
    if (this.#told.length > 0) this.#host.wantRelays(this.#told, now)
  }

  #inOrder(): readonly NodeId[] {
    const relays = this.#host.relays()
    const told = this.#told.filter((relay) => relays.includes(relay))
    return [...told, ...relays.filter((relay) => !told.includes(relay))]
  }

  #isGood(relay: NodeId, now: Instant): boolean {
    return !this.#isAbsent(relay, now) && !this.#isSilent(relay, now)
  }

  #isSilent(relay: NodeId, now: Instant): boolean {
    const since = this.#silent.get(relay)
    return since !== undefined && between(since, now) < DOUBT_AGAIN
  }

  #isAbsent(relay: NodeId, now: Instant): boolean {
    const since = this.#absent.get(relay)
    return since !== undefined && between(since, now) < ABSENT_FOR
  }
}
