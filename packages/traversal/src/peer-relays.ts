import { between, type Instant, seconds } from '@weft/base'
import type { NodeId } from '@weft/keys'

/** What a relay said of a peer's absence is old then. */
const ABSENT_FOR = seconds(2)
/** Data by relay that is not answered for so long is a reason to ask whether the relay is there, and so long lies between two questions. */
const DISTRESS = seconds(1)
const DOUBT_AGAIN = seconds(5)

export interface PeerRelaysHost {
  /** Those that are connected, the home relay first. */
  relays(): readonly NodeId[]
  doubt(relay: NodeId): void
}

/** By which relay one peer is reached. */
export class PeerRelays {
  readonly #host: PeerRelaysHost
  readonly #absent = new Map<NodeId, Instant>()
  #doubtedAt: Instant | undefined

  constructor(host: PeerRelaysHost) {
    this.#host = host
  }

  /** The first at which the peer is not said to be absent, else the first. */
  best(now: Instant): NodeId | undefined {
    const relays = this.#host.relays()
    return relays.find((relay) => !this.#isAbsent(relay, now)) ?? relays[0]
  }

  /** Whether the peer may be at one of them. */
  reaches(now: Instant): boolean {
    return this.#host.relays().some((relay) => !this.#isAbsent(relay, now))
  }

  has(relay: NodeId): boolean {
    return this.#host.relays().includes(relay)
  }

  onAbsent(relay: NodeId, now: Instant): void {
    this.#absent.set(relay, now)
  }

  /** The peer says that it is there. */
  onPresent(relay: NodeId): void {
    this.#absent.delete(relay)
  }

  onUnanswered(relay: NodeId, since: Instant, now: Instant): void {
    if (between(since, now) < DISTRESS) return
    if (this.#doubtedAt !== undefined && between(this.#doubtedAt, now) < DOUBT_AGAIN) return
    this.#doubtedAt = now
    this.#host.doubt(relay)
  }

  #isAbsent(relay: NodeId, now: Instant): boolean {
    const since = this.#absent.get(relay)
    return since !== undefined && between(since, now) < ABSENT_FOR
  }
}
