import { type Endpoint, earliest, type Instant, type Now, type Random, type Rate, TokenBucket } from '@weft/base'
import type { DirectPath, Path, PeerMeter } from '@weft/datapath'
import type { CryptoProvider, NodeId, PrivateKey, PublicKey } from '@weft/keys'
import { MAX_GUESSES, PeerPaths, type PeerPathsHost } from './peer-paths.ts'
import type { RelayComplaint } from './peer-relays.ts'
import { PeerSeals } from './peer-seals.ts'
import { decodeProbeMessage, encodeProbeMessage, type ProbeMessage } from './probe-messages.ts'
import { probeSender } from './probe-seal.ts'
import { SequenceWindow } from './sequence-window.ts'

/** Sequence numbers begin at the wall clock's time in these parts of a millisecond, so that they grow over restarts. */
const SEQUENCES_PER_MS = 4096
/** Messages of one peer that are looked into, at once and each second: two searches of all candidates. */
const MESSAGES: Rate = { burst: 256, perSecond: 64 }
/** Calls of one peer that are carried to others, at once and each second. */
const CARRIED: Rate = { burst: 16, perSecond: 4 }
/** Common peers that are asked to carry a call. */
const MAX_CARRIERS = 3
/** Peers that are told where this node is now, when no relay can tell. */
const MAX_TOLD = 8

/** Why a probe message went no further. */
export type ProbeDropReason =
  | 'probe-unknown-sender'
  | 'probe-forged'
  | 'probe-replayed'
  | 'probe-malformed'
  | 'probe-rate'
  /** A peer wants something carried to whom nobody knows, or what is not its own. */
  | 'carry-refused'

export interface TraversalHost {
  readonly crypto: CryptoProvider
  readonly random: Random
  meter(peer: number): PeerMeter
  ownEndpoints(): readonly Endpoint[]
  refreshEndpoints(): void
  pathTo(endpoint: Endpoint): DirectPath | undefined
  /** `whole`: not in fragments. */
  send(peer: number, path: Path, datagram: Uint8Array, whole: boolean): void
  use(peer: number, path: Path, mtu: number): void
  doubt(peer: number, relay: NodeId, complaint: RelayComplaint): void
  /** As of `PeerRelaysHost`. */
  wantRelays(relays: readonly NodeId[], now: Instant): void
  searchRelays(now: Instant): void
  changed(peer: number, path: Path, why: string): void
  drop(reason: ProbeDropReason): void
  /** To all who listen on the LANs of this machine. */
  sendOnLan(datagram: Uint8Array): void
  /** A peer at `by` hears this node as `observed`. */
  seenAs(observed: Endpoint, by: Endpoint): void
}

interface Known {
  readonly index: number
  readonly id: NodeId
  readonly seals: PeerSeals
  readonly window: SequenceWindow
  readonly paths: PeerPaths
  readonly messages: TokenBucket
  readonly carried: TokenBucket
  /** Who carried its last call. */
  via: Known | undefined
}

/** The paths to all peers of one mesh: seals and opens what is said about them, and asks each peer's `PeerPaths`. */
export class Traversal {
  readonly #host: TraversalHost
  readonly #ownId: NodeId
  #ownKeys: readonly PrivateKey<'probe'>[]
  readonly #byIndex = new Map<number, Known>()
  readonly #byId = new Map<NodeId, Known>()
  /** Those with traffic: of a large mesh, a few. */
  readonly #active = new Map<number, PeerPaths>()
  #relays: readonly NodeId[] = []
  #lastSequence = 0
  #now: Now

  /** `probeKeys`: as `setOwnKeys`. */
  constructor(
    host: TraversalHost,
    own: { readonly id: NodeId; readonly probeKeys: readonly PrivateKey<'probe'>[] },
    now: Now,
  ) {
    this.#host = host
    this.#ownId = own.id
    this.#ownKeys = own.probeKeys
    this.#now = now
  }

  add(
    peer: { readonly index: number; readonly id: NodeId; readonly probeKey: PublicKey<'probe'> },
    told: readonly Endpoint[],
    now: Now,
  ): void {
    this.#now = now
    const { index, id, probeKey: peerKey } = peer
    const { crypto, random } = this.#host
    const seals = new PeerSeals({ own: this.#ownId, ownKeys: this.#ownKeys, peer: id, peerKey, crypto, random })
    const paths = new PeerPaths(this.#hostOf(index, seals))
    const known: Known = {
      index,
      id,
      seals,
      window: new SequenceWindow(),
      paths,
      messages: new TokenBucket(MESSAGES),
      carried: new TokenBucket(CARRIED),
      via: undefined,
    }
    this.#byIndex.set(index, known)
    this.#byId.set(id, known)
    paths.onTold(told, now.instant)
  }

  remove(index: number): void {
    const known = this.#byIndex.get(index)
    if (known === undefined) return
    this.#byIndex.delete(index)
    this.#active.delete(index)
    this.#byId.delete(known.id)
  }

  /** All that peers may know this node by; to whom has not been heard of, it is said with the first. */
  setOwnKeys(keys: readonly PrivateKey<'probe'>[]): void {
    this.#ownKeys = keys
    for (const { seals } of this.#byIndex.values()) seals.setOwnKeys(keys)
  }

  setPeerKey(index: number, key: PublicKey<'probe'>): void {
    this.#byIndex.get(index)?.seals.setPeerKey(key)
  }

  paths(index: number): PeerPaths | undefined {
    return this.#byIndex.get(index)?.paths
  }

  /** Whether the sender is a peer of this mesh. */
  knows(sender: NodeId): boolean {
    return this.#byId.has(sender)
  }

  /** Connected ones, the home relay first. */
  setRelays(relays: readonly NodeId[], now: Now): void {
    this.#now = now
    this.#relays = relays
    for (const { paths } of this.#byIndex.values()) paths.onRelays(now.instant)
  }

  onAbsent(relay: NodeId, id: NodeId, now: Now): void {
    this.#now = now
    this.#byId.get(id)?.paths.onAbsent(relay, now.instant)
  }

  /** The peer made a session: it is there, whatever it counts from. */
  onSession(index: number): void {
    this.#byIndex.get(index)?.window.lowerFloor()
  }

  onOwnEndpoints(now: Now): void {
    this.#now = now
    for (const { paths } of this.#byIndex.values()) paths.onOwnEndpoints(now.instant)
  }

  onNetworkChanged(now: Now): void {
    this.#now = now
    for (const { paths } of this.#byIndex.values()) paths.onNetworkChanged(now.instant)
    if (this.#relays.length > 0) return
    for (const { paths } of this.#latelyProven().slice(0, MAX_TOLD)) if (!paths.isActive) paths.announce(now.instant)
  }

  /**
   * A datagram that `probeSender` knows the sender of; on a LAN, by no path. Only what came by a direct path counts as a
   * probe or a reply, and only what came by a relay as one of those by relay.
   */
  onDatagram(datagram: Uint8Array, path: Path | undefined, now: Now): void {
    this.#now = now
    const sender = probeSender(datagram)
    const known = sender && this.#byId.get(sender)
    const message = known === undefined ? 'probe-unknown-sender' : this.#open(known, datagram, now.instant)
    if (known === undefined || typeof message === 'string') this.#host.drop(message as ProbeDropReason)
    else this.#onMessage(known, message, path, now.instant)
  }

  wake(now: Now): void {
    this.#now = now
    for (const paths of [...this.#active.values()]) paths.wake(now.instant)
  }

  nextTimeout(): Instant | undefined {
    let first: Instant | undefined
    for (const paths of this.#active.values()) first = earliest(first, paths.nextTimeout())
    return first
  }

  #onMessage(known: Known, message: ProbeMessage, path: Path | undefined, now: Instant): void {
    if (message.kind === 'call') known.paths.onCall(message, path, now)
    else if (message.kind === 'carry') this.#onCarry(known, message, now)
    else if (message.kind === 'relay-probe' || message.kind === 'relay-reply') {
      if (path?.kind === 'relayed') known.paths.onByRelay(message, path.relay, now)
      else this.#host.drop('probe-malformed')
    } else if (path?.kind !== 'direct') this.#host.drop('probe-malformed')
    else if (message.kind === 'probe') known.paths.onProbe(message, path, now)
    else known.paths.onReply(message, path, now)
  }

  /** A call of a common peer's, or one that is to be carried. */
  #onCarry(from: Known, { node, datagram }: Extract<ProbeMessage, { kind: 'carry' }>, now: Instant): void {
    const sender = probeSender(datagram)
    if (node === this.#ownId) {
      const caller = sender === undefined || sender === from.id ? undefined : this.#byId.get(sender)
      const message = caller === undefined ? 'carry-refused' : this.#open(caller, datagram, now)
      if (typeof message === 'string') this.#host.drop(message)
      else if (message.kind !== 'call' || caller === undefined) this.#host.drop('carry-refused')
      else {
        caller.via = from
        caller.paths.onCall(message, undefined, now)
      }
      return
    }
    const to = this.#byId.get(node)
    if (to === undefined || sender !== from.id) this.#host.drop('carry-refused')
    else if (!from.carried.take(now)) this.#host.drop('probe-rate')
    else this.#carry(to, node, datagram, now)
  }

  /** A call to a peer that no relay leads to. */
  #sendAround(index: number, message: ProbeMessage): void {
    const known = this.#byIndex.get(index)
    if (known === undefined) return
    const datagram = known.seals.seal(encodeProbeMessage(message))
    if (datagram === undefined) return
    const others = [...(known.via === undefined ? [] : [known.via]), ...this.#latelyProven()]
    const carriers = new Set(others.filter((other) => other !== known && this.#byIndex.get(other.index) === other))
    for (const carrier of [...carriers].slice(0, MAX_CARRIERS))
      this.#carry(carrier, known.id, datagram, this.#now.instant)
    this.#host.sendOnLan(datagram)
  }

  #carry(to: Known, node: NodeId, datagram: Uint8Array, now: Instant): void {
    const certain = to.paths.certainPath(now)
    const ways = certain === undefined ? to.paths.directPaths().slice(0, MAX_GUESSES) : [certain]
    for (const path of ways) {
      const sealed = to.seals.seal(
        encodeProbeMessage({ kind: 'carry', sequence: this.#nextSequence(), node, datagram }),
      )
      if (sealed !== undefined) this.#host.send(to.index, path, sealed, false)
    }
  }

  /** Those that were heard directly, the last one first. */
  #latelyProven(): readonly Known[] {
    const proven = [...this.#byIndex.values()].filter(({ paths }) => paths.provenAt !== undefined)
    return proven.toSorted((a, b) => (b.paths.provenAt ?? 0) - (a.paths.provenAt ?? 0))
  }

  #open(known: Known, datagram: Uint8Array, now: Instant): ProbeMessage | ProbeDropReason {
    const opened = known.seals.open(datagram)
    if (opened === undefined) return 'probe-forged'
    if (!known.messages.take(now)) return 'probe-rate'
    const message = decodeProbeMessage(opened.body)
    if (message === undefined) return 'probe-malformed'
    // A reply is new by its transaction, which nobody can guess.
    if (message.kind === 'reply' || message.kind === 'relay-reply') return message
    if (!known.window.accept(message.sequence)) return 'probe-replayed'
    known.seals.onHeard(opened.by)
    return message
  }

  #hostOf(index: number, seals: PeerSeals): PeerPathsHost {
    const host = this.#host
    return {
      random: host.random,
      wall: () => this.#now.wall,
      meter: () => host.meter(index),
      ownEndpoints: () => host.ownEndpoints(),
      refreshEndpoints: () => host.refreshEndpoints(),
      relays: () => this.#relays,
      pathTo: (endpoint) => host.pathTo(endpoint),
      send: (path, message) => {
        const isPadded = message.kind === 'probe' && message.length !== undefined
        const sealed = seals.seal(encodeProbeMessage(message))
        if (sealed !== undefined) host.send(index, path, sealed, isPadded)
      },
      sendAround: (message) => this.#sendAround(index, message),
      seenAs: (observed, by) => host.seenAs(observed, by),
      nextSequence: () => this.#nextSequence(),
      use: (path, mtu) => host.use(index, path, mtu),
      doubt: (relay, complaint) => host.doubt(index, relay, complaint),
      wantRelays: (relays, now) => host.wantRelays(relays, now),
      searchRelays: (now) => host.searchRelays(now),
      active: (isActive) => {
        const paths = this.paths(index)
        if (isActive && paths !== undefined) this.#active.set(index, paths)
        else this.#active.delete(index)
      },
      changed: (path, why) => host.changed(index, path, why),
    }
  }

  #nextSequence(): number {
    this.#lastSequence = Math.max(this.#lastSequence + 1, Math.floor(this.#now.wall * SEQUENCES_PER_MS))
    return this.#lastSequence
  }
}
