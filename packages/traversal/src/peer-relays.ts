import { between, type Instant, later, milliseconds, type Random, randomBytes, seconds, toHex } from '@weft/base'
import type { PeerMeter } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import { type ProbeMessage, type ProbeTransaction, TRANSACTION_LENGTH } from './probe-messages.ts'
import { RelayProof } from './relay-proof.ts'

/** Data by relay that is not answered for so long is a reason to ask the peer by it. */
const DISTRESS = milliseconds(250)
/** The peer replies, and yet nothing of its own arrives for so long: it may send into a hole. */
const UNHEARD = seconds(1)
/** For so long this node sends by the relay by which a peer asked for it. */
const PREFERRED_FOR = seconds(60)
/** The peer's relays are asked for again so often while it is in use. */
const WANT_AGAIN = seconds(10)
/** Relays by which the peer is asked side by side, where none is known to be good. */
const MAX_ASKED = 3
const MAX_PENDING = 32

/** What a relay did: nothing came back by it, or it said of a peer that it is not there, again and again, and it was. */
export type RelayComplaint = 'no-reply' | 'not-absent'

export interface PeerRelaysHost {
  readonly random: Random
  /** Those that are connected, the home relay first. */
  relays(): readonly NodeId[]
  /** Connections to these are of use, where the mesh has them. */
  wantRelays(relays: readonly NodeId[], now: Instant): void
  /** The peer is at none that is connected: any other may be of use. */
  searchRelays(now: Instant): void
  /** Whether the relay itself is there is to be found out. */
  doubt(relay: NodeId, complaint: RelayComplaint): void
  send(path: { readonly kind: 'relayed'; readonly relay: NodeId }, message: ProbeMessage): void
  nextSequence(): number
}

/**
 * By which relay one peer is reached: its own home where that is connected, its second, else one of this node's. Where data
 * stay unanswered, the peer is asked by the relay in use, for no relay is believed to carry what it takes.
 */
export class PeerRelays {
  readonly #host: PeerRelaysHost
  readonly #proofs = new Map<NodeId, RelayProof>()
  readonly #pending = new Map<ProbeTransaction, { readonly relay: NodeId; readonly sent: Instant }>()
  /** Where the peer says that it is, its home first. */
  #told: readonly NodeId[] = []
  /** By what the peer asked to be sent to, for it hears nothing. */
  #preferred: { readonly relay: NodeId; readonly until: Instant } | undefined
  /** It knows probes by relay, as older versions do not. */
  #replies = false
  #wantedAt: Instant | undefined
  /** Since when that was unanswered which the peer was last told to be. */
  #complainedOf: Instant | undefined

  constructor(host: PeerRelaysHost) {
    this.#host = host
  }

  /** The first at which the peer may be heard, else the first. */
  best(now: Instant): NodeId | undefined {
    const relays = this.#inOrder(now)
    return relays.find((relay) => this.#isGood(relay, now)) ?? relays[0]
  }

  /** All by which a first word may arrive: that of the peer, where it is known. */
  likely(now: Instant): readonly NodeId[] {
    const best = this.best(now)
    if (best === undefined || this.#told.includes(best)) return best === undefined ? [] : [best]
    const good = this.#inOrder(now).filter((relay) => this.#isGood(relay, now))
    return good.length === 0 ? [best] : good
  }

  /** At which the peer is to look for this node: those by which nothing comes back, last. */
  toTell(now: Instant): readonly NodeId[] {
    const relays = this.#host.relays()
    const silent = relays.filter((relay) => this.#proofOf(relay).isSilent(this.#replies, now))
    return [...relays.filter((relay) => !silent.includes(relay)), ...silent]
  }

  /** Whether the peer may be at one of them. */
  reaches(now: Instant): boolean {
    return this.#host.relays().some((relay) => !this.#proofOf(relay).isAbsent(now))
  }

  has(relay: NodeId): boolean {
    return this.#host.relays().includes(relay)
  }

  /** Whether the peer is at home there, or has it for its second. */
  isOfPeer(relay: NodeId): boolean {
    return this.#told.includes(relay)
  }

  onAbsent(relay: NodeId, now: Instant): void {
    this.#proofOf(relay).onAbsent(now)
    if (this.#host.relays().every((each) => this.#proofOf(each).isAbsent(now))) this.#host.searchRelays(now)
  }

  /** The peer says where it is; `by`: the relay that brought it, where one did. */
  onTold(relays: readonly NodeId[], by: NodeId | undefined, now: Instant): void {
    this.#told = relays
    for (const relay of relays) if (this.#proofOf(relay).onTold(now)) this.#host.doubt(relay, 'not-absent')
    if (by !== undefined) this.#onHeard(by, now)
    // It sends by another itself now.
    if (by !== this.#preferred?.relay) this.#preferred = undefined
    this.#want(now)
  }

  /** While the peer is in use. */
  keep(now: Instant): void {
    if (this.#wantedAt === undefined || between(this.#wantedAt, now) >= WANT_AGAIN) this.#want(now)
    for (const relay of this.#proofs.keys()) if (!this.has(relay)) this.#proofs.delete(relay)
  }

  /** Looks after the relays of a peer in use; the one that should take the place of that by which data are sent, if any. */
  check(relay: NodeId, { unansweredSince: since, lastSent }: PeerMeter, now: Instant): NodeId | undefined {
    const proof = this.#proofOf(relay)
    const relays = this.#inOrder(now)
    const isSilent = () => proof.isSilent(this.#replies, now)
    if (since !== undefined && between(since, now) >= DISTRESS) {
      if (!isSilent()) this.#prove(relay, { since, lastSent }, now)
      else for (const each of relays.slice(0, MAX_ASKED)) this.#ask(each, now)
    } else proof.settle()
    for (const each of relays.slice(0, MAX_ASKED)) if (this.#proofOf(each).isOnTrial(now)) this.#ask(each, now)
    if (!isSilent()) return undefined
    const next = relays.find((each) => this.#isGood(each, now))
    if (next !== undefined) this.#ask(next, now)
    return next
  }

  /** The peer asks by the relay; whether it is to be sent to by it from now on. */
  onProbe(
    { transaction, unheard }: Extract<ProbeMessage, { kind: 'relay-probe' }>,
    relay: NodeId,
    now: Instant,
  ): boolean {
    const sequence = this.#host.nextSequence()
    this.#host.send({ kind: 'relayed', relay }, { kind: 'relay-reply', sequence, transaction })
    if (!unheard) return false
    this.#onHeard(relay, now)
    this.#preferred = { relay, until: later(now, PREFERRED_FOR) }
    return true
  }

  onReply(transaction: ProbeTransaction, relay: NodeId, now: Instant): void {
    const asked = this.#pending.get(transaction)
    if (asked?.relay !== relay) return
    this.#pending.delete(transaction)
    this.#replies = true
    this.#proofOf(relay).onProven(asked.sent, now)
  }

  /** Data that went by it are unanswered. */
  #prove(relay: NodeId, data: { readonly since: Instant; readonly lastSent: Instant | undefined }, now: Instant): void {
    const proof = this.#proofOf(relay)
    const provenAt = proof.provenAt ?? data.since
    const goesOn = provenAt > data.since && (data.lastSent ?? 0) > provenAt
    const isUnheard = goesOn && between(data.since, now) >= UNHEARD
    const isNews = isUnheard && this.#complainedOf !== data.since
    if (isUnheard) this.#complainedOf = data.since
    if (this.#gaveUp(relay, now)) return
    if (isNews || proof.isDue(data.lastSent, now)) this.#probe(relay, isUnheard, now)
  }

  #ask(relay: NodeId, now: Instant): void {
    if (!this.#gaveUp(relay, now) && this.#proofOf(relay).isDue(undefined, now)) this.#probe(relay, false, now)
  }

  #gaveUp(relay: NodeId, now: Instant): boolean {
    const proof = this.#proofOf(relay)
    if (!proof.hasFailed(now)) return false
    proof.onFailed(now)
    this.#host.doubt(relay, 'no-reply')
    return true
  }

  #onHeard(relay: NodeId, now: Instant): void {
    if (this.#proofOf(relay).onHeard(now)) this.#host.doubt(relay, 'not-absent')
  }

  #isGood(relay: NodeId, now: Instant): boolean {
    return this.#proofOf(relay).isGood(this.#replies, now)
  }

  #probe(relay: NodeId, unheard: boolean, now: Instant): void {
    const transaction = toHex(randomBytes(this.#host.random, TRANSACTION_LENGTH))
    this.#pending.set(transaction, { relay, sent: now })
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest)
    this.#proofOf(relay).onProbeSent(now)
    const sequence = this.#host.nextSequence()
    this.#host.send({ kind: 'relayed', relay }, { kind: 'relay-probe', sequence, transaction, unheard })
  }

  #want(now: Instant): void {
    this.#wantedAt = now
    if (this.#told.length > 0) this.#host.wantRelays(this.#told, now)
  }

  #inOrder(now: Instant): readonly NodeId[] {
    const relays = this.#host.relays()
    const preferred = this.#preferred !== undefined && this.#preferred.until > now ? [this.#preferred.relay] : []
    const first = [...preferred, ...this.#told].filter((relay) => relays.includes(relay))
    return [...new Set([...first, ...relays])]
  }

  #proofOf(relay: NodeId): RelayProof {
    const known = this.#proofs.get(relay) ?? new RelayProof()
    this.#proofs.set(relay, known)
    return known
  }
}
