import { earliest, type Instant, later, seconds } from '@weft/base'
import type { NodeId } from '@weft/keys'
import type { RelayStanding } from './node-interface.ts'

/** So few are all kept connected: there is nothing to choose. */
const FEW = 3
/** Connections on behalf of peers that are at home at other relays. */
const MAX_LEASES = 6
/** For so long after a peer needed it last. */
const LEASE = seconds(60)
/** All are connected to, to learn how near they are. */
const MEASURE_FOR = seconds(10)
const MEASURE_EVERY = seconds(600)
/** Another relay takes the place of one only when it is nearer by so much, or by a fifth. */
const MARGIN_MS = 10
const SHARE = 0.8
const UNKNOWN_RTT = 10_000

/** `idle`: not connected to, for others are nearer. */
export interface KnownRelay {
  readonly state: RelayStanding['state'] | 'idle'
  /** As last measured. */
  readonly rttMs?: number
  readonly reason?: string
  /** How often a peer could not be reached by it though both were connected. */
  readonly complaints?: number
}

/**
 * Which relays of a mesh a node keeps connections to: the nearest, its **home**, and a **second** that takes over at once;
 * those at which peers are at home, while these are needed; and all of them for a moment now and then, to measure. Where one
 * of the two is missing, all are tried.
 */
export class RelaySet {
  #known: readonly NodeId[] = []
  readonly #standings = new Map<NodeId, RelayStanding>()
  readonly #rtts = new Map<NodeId, number>()
  readonly #leases = new Map<NodeId, Instant>()
  readonly #complaints = new Map<NodeId, number>()
  /** Of what was said since it is connected. */
  readonly #said = new Map<NodeId, Set<string>>()
  #measuring: Instant | undefined
  #measureAt: Instant | undefined
  #home: NodeId | undefined
  #second: NodeId | undefined

  get home(): NodeId | undefined {
    return this.#home
  }

  /** Those that are connected: home, second, and the others. */
  connected(): readonly NodeId[] {
    const all = this.#known.filter((id) => this.#isConnected(id))
    const first = [this.#home, this.#second].filter((id) => id !== undefined)
    return [...first, ...all.filter((id) => !first.includes(id))]
  }

  /** Those to which connections are to be kept, or made. */
  wanted(): readonly NodeId[] {
    const isMissing = this.#home === undefined || this.#second === undefined
    if (this.#known.length <= FEW || isMissing || this.#measuring !== undefined) return this.#known
    return this.#known.filter((id) => id === this.#home || id === this.#second || this.#leases.has(id))
  }

  /** For people. */
  *all(): Iterable<readonly [NodeId, KnownRelay]> {
    for (const id of this.#known) {
      const rttMs = this.#rtts.get(id)
      const complaints = this.#complaints.get(id)
      const standing = this.#standings.get(id) ?? { state: 'idle', ...(rttMs === undefined ? {} : { rttMs }) }
      yield [id, { ...standing, ...(complaints === undefined ? {} : { complaints }) }]
    }
  }

  /** The relays that the mesh has now. */
  setKnown(relays: readonly NodeId[], now: Instant): void {
    const isNew = relays.some((id) => !this.#known.includes(id))
    this.#known = relays
    for (const kept of [this.#standings, this.#rtts, this.#leases, this.#complaints, this.#said])
      for (const id of kept.keys()) if (!relays.includes(id)) kept.delete(id)
    if (isNew) this.#measure(now)
    this.#choose()
  }

  /** `undefined`: there is no connection to it any more, nor a try. */
  setStanding(relay: NodeId, standing: RelayStanding | undefined): void {
    if (!this.#known.includes(relay)) return
    if (standing?.state !== 'connected') this.#said.delete(relay)
    if (standing === undefined) this.#standings.delete(relay)
    else this.#standings.set(relay, standing)
    if (standing?.rttMs !== undefined) this.#rtts.set(relay, standing.rttMs)
    this.#choose()
  }

  /** It did not do as it should; whether that is news. */
  complain(relay: NodeId, about: string): boolean {
    this.#complaints.set(relay, (this.#complaints.get(relay) ?? 0) + 1)
    const said = this.#said.get(relay) ?? new Set()
    this.#said.set(relay, said)
    return said.size !== said.add(about).size
  }

  /** A peer may be reached there. */
  want(relays: readonly NodeId[], now: Instant): void {
    for (const id of relays) {
      if (!this.#known.includes(id)) continue
      this.#leases.delete(id)
      this.#leases.set(id, later(now, LEASE))
    }
    for (const id of this.#leases.keys()) if (this.#leases.size > MAX_LEASES) this.#leases.delete(id)
  }

  /** A peer is at none of those that are connected: it may be at any. */
  search(now: Instant): void {
    this.want(
      this.#known.filter((id) => !this.#isConnected(id)),
      now,
    )
  }

  onNetworkChanged(now: Instant): void {
    this.#measure(now)
  }

  wake(now: Instant): void {
    if (this.#measuring !== undefined && this.#measuring <= now) this.#measuring = undefined
    if (this.#measureAt !== undefined && this.#measureAt <= now) this.#measure(now)
    for (const [id, until] of this.#leases) if (until <= now) this.#leases.delete(id)
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#measuring, this.#measureAt, ...this.#leases.values())
  }

  #measure(now: Instant): void {
    if (this.#known.length <= FEW) {
      this.#measuring = undefined
      this.#measureAt = undefined
      return
    }
    this.#measuring = later(now, MEASURE_FOR)
    this.#measureAt = later(now, MEASURE_EVERY)
  }

  #choose(): void {
    this.#home = this.#nearest(this.#home, undefined)
    this.#second = this.#nearest(this.#second, this.#home)
  }

  /** That which it was, unless another is clearly nearer. */
  #nearest(before: NodeId | undefined, but: NodeId | undefined): NodeId | undefined {
    const connected = this.#known.filter((id) => id !== but && this.#isConnected(id))
    const nearest = connected.toSorted((a, b) => this.#rtt(a) - this.#rtt(b))[0]
    if (before === undefined || nearest === undefined || !connected.includes(before)) return nearest
    const limit = Math.min(this.#rtt(before) - MARGIN_MS, this.#rtt(before) * SHARE)
    return this.#rtt(nearest) < limit ? nearest : before
  }

  #isConnected(id: NodeId): boolean {
    return this.#standings.get(id)?.state === 'connected'
  }

  #rtt(id: NodeId): number {
    return this.#rtts.get(id) ?? UNKNOWN_RTT
  }
}
