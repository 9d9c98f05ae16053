import {
  between,
  type Endpoint,
  earliest,
  type Instant,
  later,
  milliseconds,
  type Random,
  seconds,
  type WallTime,
} from '@weft/base'
import { type DirectPath, type Path, type PeerMeter, TUNNEL_OVERHEAD } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import { Calls, type CallsHost } from './calls.ts'
import type { Candidate } from './candidate.ts'
import { Candidates, isSameWay } from './candidates.ts'
import { PathInUse, type PathInUseHost } from './path-in-use.ts'
import { MOST_PATH_MTU, UNPROVEN_PATH_MTU } from './path-mtu.ts'
import { PeerRelays, type PeerRelaysHost } from './peer-relays.ts'
import { PendingProbes } from './pending-probes.ts'
import type { ProbeMessage } from './probe-messages.ts'
import { SEAL_OVERHEAD } from './probe-seal.ts'
import { SearchSchedule } from './search-schedule.ts'

/** Without traffic for so long, nobody uses the path; longer than the fast path may keep silent about traffic that begins. */
const ACTIVE_FOR = seconds(20)
const TICK = milliseconds(100)
/** A path in use is proven anew so often; one that is kept warm, more rarely. */
const HEARTBEAT = seconds(5)
const WARM = seconds(10)
/** Data that is sent and not answered for so long is a reason to ask, and so long lies between two questions. */
const DISTRESS = milliseconds(250)
/** Ways that are tried where none is certain. */
export const MAX_GUESSES = 3
const HELD_AGAIN = milliseconds(300)
const LOST_LATELY = seconds(10)
const LOOKING = 'no direct path is known yet'
const FOUND_NONE = 'no direct path was found'

/** What the paths of one peer need. */
export interface PeerPathsHost extends CallsHost, PeerRelaysHost, PathInUseHost {
  readonly random: Random
  meter(): PeerMeter
  /** Asks again how this node looks from outside, where that is not known freshly. */
  refreshEndpoints(): void
  pathTo(endpoint: Endpoint): DirectPath | undefined
  send(path: Path, message: ProbeMessage): void
  /** Where no relay leads to the peer: by common peers, and on the LAN. */
  sendAround(message: ProbeMessage): void
  /** A peer tells as whom it hears this node. */
  seenAs(observed: Endpoint, by: Endpoint): void
  /** From now on it wants to be woken, or no more. */
  active(isActive: boolean): void
}

/**
 * Which path reaches one peer.
 *
 * *idle*: nobody sends; nothing is probed, and the first packet goes by relay where there is one. *Active*: there is
 * traffic, or the peer called. Then candidates are searched in rounds of probes; a candidate whose probe was answered is
 * *trusted* for some seconds, the best trusted one is used and proven again by heartbeats, its reserves are kept warm. When
 * what is sent stays unanswered, the path in use is asked at once; a path that fails makes way for the next one, or for the
 * relay, and the peer is told, so that it does not send into the same hole.
 *
 * It never moves to a path that was not proven, unless there is no other.
 */
export class PeerPaths {
  readonly #host: PeerPathsHost
  readonly #candidates: Candidates
  readonly #pending: PendingProbes
  readonly #calls: Calls
  readonly #relays: PeerRelays
  readonly #inUse: PathInUse
  #isActive = false
  #wantedAt: Instant | undefined
  /** The peer called: it has traffic, so this node does not call by itself. */
  #calledUpAt: Instant | undefined
  readonly #search = new SearchSchedule()
  #tickAt: Instant | undefined
  #lostAt: Instant | undefined
  #provenAt: Instant | undefined

  constructor(host: PeerPathsHost) {
    this.#host = host
    this.#candidates = new Candidates((endpoint) => host.pathTo(endpoint))
    this.#pending = new PendingProbes(host.random)
    this.#calls = new Calls(host, (now) => this.#relays.toTell(now))
    this.#relays = new PeerRelays(host)
    this.#inUse = new PathInUse(host)
  }

  get isActive(): boolean {
    return this.#isActive
  }

  /** When the peer last showed by a direct path that it is there. */
  get provenAt(): Instant | undefined {
    return this.#provenAt
  }

  /** By what reaches the peer for sure now. */
  certainPath(now: Instant): Path | undefined {
    if (this.#current?.isTrusted(now)) return this.#current.path
    const relay = this.#relays.reaches(now) ? this.relay(now) : undefined
    return relay === undefined ? undefined : { kind: 'relayed', relay }
  }

  /** Of the direct path in use. */
  get rttMs(): number | undefined {
    return this.#current?.rttMs
  }

  /** Bytes of the longest tunnel packet that the path in use carries. */
  get mtu(): number {
    return this.#inUse.mtu
  }

  /** Since when the path is in use, and why it was chosen. */
  get standing(): { readonly since: WallTime | undefined; readonly why: string } {
    const hasLooked = this.#path?.kind === 'relayed' && this.#search.isOver
    const { since, why } = this.#inUse.standing
    return { since, why: hasLooked && why === LOOKING ? FOUND_NONE : why }
  }

  /** All ways that may lead to the peer now, for what must arrive by any of them. */
  directPaths(): readonly DirectPath[] {
    this.#candidates.find()
    return [...this.#candidates].map(({ path }) => path)
  }

  relay(now: Instant): NodeId | undefined {
    return this.#relays.best(now)
  }

  /** All by which a first word may arrive. */
  likelyRelays(now: Instant): readonly NodeId[] {
    return this.#relays.likely(now)
  }

  /** By the coordinator. */
  onTold(endpoints: readonly Endpoint[], now: Instant): void {
    this.#candidates.setTold(endpoints)
    if (this.#isActive) this.#probeNew(now)
  }

  /** There is traffic, or will be. */
  onWanted(now: Instant): void {
    this.#wantedAt = now
    if (!this.#isActive) this.#activate(now)
  }

  /** A handshake showed that the peer answers by this path. */
  onProven(path: Path, now: Instant): void {
    if (path.kind === 'direct') {
      const candidate = this.#candidateOf(path)
      candidate?.onProven(undefined, now)
      this.#provenAt = now
      this.#choose('proven by a handshake', now)
    } else if (this.#current === undefined) this.#use(path, undefined, LOOKING)
    this.onWanted(now)
  }

  /** An authentic handshake came by this path. */
  onOffered(path: Path, now: Instant): void {
    const candidate = path.kind === 'direct' ? this.#candidateOf(path) : undefined
    if (this.#path === undefined) this.#use(candidate?.path ?? path, candidate, 'the peer came by it')
    this.onWanted(now)
    if (candidate !== undefined && candidate.sentAt !== now) this.#probe(candidate, now)
  }

  onProbe(message: Extract<ProbeMessage, { kind: 'probe' }>, path: DirectPath, now: Instant): void {
    const { transaction } = message
    this.#host.send(path, { kind: 'reply', sequence: this.#host.nextSequence(), transaction, observed: path.remote })
    const candidate = this.#candidateOf(path)
    if (candidate === undefined || candidate.isTrusted(now)) return
    // What the peer sent has opened its own NAT for the answer: now is the time to ask.
    const least = this.#isActive ? 50 : 1_000
    if (candidate.sentAt === undefined || between(candidate.sentAt, now) >= least) this.#probe(candidate, now)
  }

  onReply(message: Extract<ProbeMessage, { kind: 'reply' }>, path: DirectPath, now: Instant): void {
    const asked = this.#pending.get(message.transaction)
    // Only from where it was asked: nobody vouches for another place.
    if (asked === undefined || !isSameWay(asked.candidate.path, path)) return
    this.#pending.delete(message.transaction)
    this.#candidateOf(path)
    asked.candidate.onProven(between(asked.sent, now), now)
    this.#provenAt = now
    this.#host.seenAs(message.observed, path.remote)
    if (asked.size !== undefined) asked.candidate.mtu.onAnswered(asked.size, now)
    if (asked.candidate === this.#current) this.#tellMtu(asked.candidate)
    this.#choose('proven', now)
  }

  onByRelay(
    message: Extract<ProbeMessage, { kind: 'relay-probe' | 'relay-reply' }>,
    relay: NodeId,
    now: Instant,
  ): void {
    if (message.kind === 'relay-reply') this.#relays.onReply(message.transaction, relay, now)
    else if (this.#relays.onProbe(message, relay, now))
      this.#moveTo(relay, 'the peer hears nothing by the other relay', now)
  }

  /** `path`: by which it came, where nobody carried it. */
  onCall(message: Extract<ProbeMessage, { kind: 'call' }>, path: Path | undefined, now: Instant): void {
    if (path?.kind === 'direct') this.#candidateOf(path)
    this.#candidates.setNamed(message.endpoints)
    this.#relays.onTold(message.relays, path?.kind === 'relayed' ? path.relay : undefined, now)
    this.#moveHome(now)
    if (message.lost) {
      for (const candidate of this.#candidates) candidate.forgetProof()
      this.#fallBack('the peer lost it', now)
    }
    this.#calledUpAt = now
    if (!this.#isActive) this.#activate(now)
    else if (this.#search.isYoung(now)) this.#probeNew(now)
    else this.#searchNow(false, now)
  }

  onAbsent(relay: NodeId, now: Instant): void {
    this.#relays.onAbsent(relay, now)
    if (this.#path?.kind !== 'relayed' || this.#path.relay !== relay) return
    this.#moveTo(this.relay(now), 'the peer is not at the other relay', now)
  }

  /** Relays came or went. */
  onRelays(now: Instant): void {
    const path = this.#path
    const relay = this.relay(now)
    if (relay === undefined) return
    if (path === undefined) {
      if (this.#isActive) this.#use({ kind: 'relayed', relay }, undefined, LOOKING)
    } else if (path.kind === 'relayed' && !this.#relays.has(path.relay))
      this.#use({ kind: 'relayed', relay }, undefined, 'the other relay is gone')
    else if (path.kind === 'relayed') this.#moveHome(now)
    else if (path.kind === 'direct' && this.#isActive && !this.#current?.isTrusted(now))
      this.#fallBack('it does not answer', now)
    if (!this.#isActive || this.#current !== undefined) return
    // What was called before the relay was there has not arrived.
    const isLost = this.#lostAt !== undefined && between(this.#lostAt, now) < LOST_LATELY
    this.#call(isLost, now)
  }

  /** The machine's addresses, or how it looks from outside, are others now. */
  onOwnEndpoints(now: Instant): void {
    if (this.#isActive && this.#search.isUnderWay) this.#call(false, now)
  }

  /** Nothing that was proven counts any more. */
  onNetworkChanged(now: Instant): void {
    for (const candidate of this.#candidates) candidate.forgetLocal()
    const before = this.#current
    if (before !== undefined) this.#use(before.path, before, '')
    if (!this.#isActive) return
    this.#fallBack('the network changed', now)
    this.#searchNow(true, now)
    // The peer may be heard there as before, though it hears this node from elsewhere.
    if (before !== undefined) this.#host.send(before.path, this.#calls.next(true, now))
  }

  /** To where the peer was before: this node is elsewhere, and no relay tells. */
  announce(now: Instant): void {
    const message = this.#calls.next(true, now)
    for (const path of this.directPaths().slice(0, MAX_GUESSES)) this.#host.send(path, message)
  }

  wake(now: Instant): void {
    if (this.#search.takeRound(now)) this.#probeAll(now)
    if (this.#tickAt !== undefined && this.#tickAt <= now) this.#tick(now)
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#tickAt, this.#search.nextTimeout())
  }

  get #path(): Path | undefined {
    return this.#inUse.path
  }

  /** The direct path in use. */
  get #current(): Candidate | undefined {
    return this.#candidates.current
  }

  #activate(now: Instant): void {
    this.#isActive = true
    this.#host.active(true)
    this.#search.startOver()
    this.#tickAt = later(now, TICK)
    const relay = this.relay(now)
    if (this.#path === undefined && relay !== undefined) this.#use({ kind: 'relayed', relay }, undefined, LOOKING)
    this.#searchNow(false, now)
  }

  #rest(now: Instant): void {
    this.#isActive = false
    this.#host.active(false)
    this.#search.stop()
    this.#tickAt = undefined
    this.#pending.clear()
    const relay = this.relay(now)
    // NATs forget: what comes first goes where it arrives for sure. To be told nobody.
    if (relay !== undefined && this.#current !== undefined) {
      this.#candidates.current = undefined
      this.#inUse.setQuietly({ kind: 'relayed', relay }, MOST_PATH_MTU)
    }
  }

  #searchNow(lost: boolean, now: Instant): void {
    if (lost) this.#lostAt = now
    this.#host.refreshEndpoints()
    this.#call(lost, now)
    this.#search.begin(now)
    if (this.#search.takeRound(now)) this.#probeAll(now)
  }

  /** A round of a search. */
  #probeAll(now: Instant): void {
    this.#candidates.find()
    for (const candidate of this.#candidates) {
      const isSettled = candidate.isTrusted(now) && candidate.isMeasured && !this.#candidates.isHeldBack(candidate)
      if (!isSettled) this.#probe(candidate, now)
    }
  }

  #tick(now: Instant): void {
    this.#tickAt = later(now, TICK)
    const meter = this.#host.meter()
    const traffic = Math.max(meter.lastSent ?? -Infinity, meter.lastReceived ?? -Infinity, this.#wantedAt ?? -Infinity)
    if (now - Math.max(traffic, this.#calledUpAt ?? -Infinity) > ACTIVE_FOR) {
      this.#rest(now)
      return
    }
    if (this.#current === undefined && now - traffic <= ACTIVE_FOR) this.#seek(meter, now)
    if (this.#current !== undefined) this.#check(this.#current, meter, now)
    if (this.#current !== undefined) this.#measure(this.#current, now)
    this.#relays.keep(now)
    this.#keepWarm(now)
    this.#askHeld(now)
  }

  /** By relay, or by nothing. */
  #seek(meter: PeerMeter, now: Instant): void {
    if (this.#search.isDueAgain(now)) this.#searchNow(false, now)
    const path = this.#path
    if (path?.kind === 'relayed')
      this.#moveTo(this.#relays.check(path.relay, meter, now), 'nothing comes back by the other relay', now)
  }

  #check(current: Candidate, { unansweredSince }: PeerMeter, now: Instant): void {
    const unproven = current.provenAt === undefined ? Infinity : between(current.provenAt, now)
    const isDistressed = unansweredSince !== undefined && between(unansweredSince, now) >= DISTRESS
    const isDue = unproven >= HEARTBEAT || (isDistressed && unproven >= DISTRESS)
    if (isDue && (current.sentAt === undefined || between(current.sentAt, now) >= DISTRESS)) {
      this.#probe(current, now)
      this.#probeSize(current, current.mtu.confirm(now), now)
    }
    const { askedAt, unanswered, patience } = current
    if (askedAt !== undefined && unanswered >= 2 && between(askedAt, now) >= patience) this.#onFailed(current, now)
  }

  /** How long packets may be. */
  #measure(current: Candidate, now: Instant): void {
    const { mtu, patience, provenAt } = current
    if (!current.isTrusted(now)) return
    for (const size of mtu.due({ patience, smallAnswered: provenAt }, now)) this.#probeSize(current, size, now)
    this.#tellMtu(current)
  }

  #tellMtu(current: Candidate): void {
    if (current.mtu.bytes !== this.mtu) this.#use(current.path, current, '')
  }

  #keepWarm(now: Instant): void {
    for (const candidate of this.#candidates.reserves(now)) {
      const { provenAt, sentAt } = candidate
      if (provenAt === undefined || between(provenAt, now) < WARM) continue
      if (sentAt === undefined || between(sentAt, now) >= 1_000) this.#probe(candidate, now)
    }
  }

  /** Those that failed and answer again have to go on answering; what they answer once their time is over has them chosen. */
  #askHeld(now: Instant): void {
    for (const candidate of this.#candidates) {
      const isSettled = candidate.isTrusted(now) && this.#current !== undefined
      if (isSettled || !candidate.isAnswering(now)) continue
      if (candidate.sentAt === undefined || between(candidate.sentAt, now) >= HELD_AGAIN) this.#probe(candidate, now)
      if (candidate.unanswered > 2) candidate.forgetProof()
    }
  }

  #onFailed(candidate: Candidate, now: Instant): void {
    candidate.onFailed(now)
    this.#search.startOver()
    if (candidate !== this.#current) return
    this.#choose('the other does not answer any more', now)
    if (this.#current === candidate) this.#fallBack('it does not answer any more', now)
    this.#searchNow(true, now)
  }

  /** From one relay to another, where the peer is called anew. */
  #moveTo(relay: NodeId | undefined, why: string, now: Instant): void {
    if (relay === undefined || this.#path?.kind !== 'relayed' || this.#path.relay === relay) return
    this.#use({ kind: 'relayed', relay }, undefined, why)
    this.#host.send({ kind: 'relayed', relay }, this.#calls.next(false, now))
  }

  /** To the relay where the peer says that it is. */
  #moveHome(now: Instant): void {
    const relay = this.relay(now)
    if (relay !== undefined && this.#relays.isOfPeer(relay)) this.#moveTo(relay, 'the peer is at home there', now)
  }

  /** To the relay, if there is one; else it stays, for want of anything better. */
  #fallBack(why: string, now: Instant): void {
    const relay = this.relay(now)
    if (this.#current !== undefined && relay !== undefined) this.#use({ kind: 'relayed', relay }, undefined, why)
  }

  /** Uses the best of the trusted candidates, if there is any. */
  #choose(why: string, now: Instant): void {
    const best = this.#candidates.best(now)
    if (best !== undefined && best !== this.#current) this.#use(best.path, best, why)
  }

  #use(path: Path, candidate: Candidate | undefined, why: string): void {
    this.#candidates.current = candidate
    this.#inUse.set(path, path.kind === 'relayed' ? MOST_PATH_MTU : (candidate?.mtu.bytes ?? UNPROVEN_PATH_MTU), why)
  }

  #call(lost: boolean, now: Instant): void {
    if (!lost && this.#calls.isRepetition(now)) return
    const message = this.#calls.next(lost, now)
    for (const relay of this.#relays.likely(now)) this.#host.send({ kind: 'relayed', relay }, message)
    if (!this.#relays.reaches(now)) this.#host.sendAround(message)
    for (const candidate of this.#candidates)
      if (lost && candidate.isTrusted(now)) this.#host.send(candidate.path, message)
  }

  #probe(candidate: Candidate, now: Instant): void {
    const transaction = this.#pending.add({ candidate, sent: now })
    candidate.onProbeSent(now)
    this.#host.send(candidate.path, { kind: 'probe', sequence: this.#host.nextSequence(), transaction })
  }

  /** A probe as long as a tunnel packet of that size. */
  #probeSize(candidate: Candidate, size: number | undefined, now: Instant): void {
    if (size === undefined) return
    const transaction = this.#pending.add({ candidate, sent: now, size })
    const length = size + TUNNEL_OVERHEAD - SEAL_OVERHEAD
    this.#host.send(candidate.path, { kind: 'probe', sequence: this.#host.nextSequence(), transaction, length })
  }

  #probeNew(now: Instant): void {
    for (const candidate of this.#candidates) if (candidate.sentAt === undefined) this.#probe(candidate, now)
  }

  /** Where the peer was heard, whoever told of it; what goes there is sent from the address at which it was heard. */
  #candidateOf(path: DirectPath): Candidate | undefined {
    const candidate = this.#candidates.at(path)
    if (candidate === undefined || candidate.path.local === path.local) return candidate
    candidate.path = path
    if (candidate === this.#current) this.#use(path, candidate, '')
    return candidate
  }
}
