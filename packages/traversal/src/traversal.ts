import { type Endpoint, earliest, type Instant, type Now, type Random } from '@weft/base'
import type { DirectPath, Path, PeerMeter } from '@weft/datapath'
import type { CryptoProvider, NodeId, PrivateKey, PublicKey } from '@weft/keys'
import { PeerPaths, type PeerPathsHost } from './peer-paths.ts'
import { PeerSeals } from './peer-seals.ts'
import { decodeProbeMessage, encodeProbeMessage, type ProbeMessage } from './probe-messages.ts'
import { probeSender } from './probe-seal.ts'
import { SequenceWindow } from './sequence-window.ts'

/** Sequence numbers begin at the wall clock's time in these parts of a millisecond, so that they grow over restarts. */
const SEQUENCES_PER_MS = 4096
/** Messages of one peer that are looked into, at once and each second: two searches of all candidates. */
const BURST = 256
const PER_SECOND = 64

/** Why a probe message went no further. */
export type ProbeDropReason =
  | 'probe-unknown-sender'
  | 'probe-forged'
  | 'probe-replayed'
  | 'probe-malformed'
  | 'probe-rate'

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
  doubt(relay: NodeId): void
  changed(peer: number, path: Path, why: string): void
  drop(reason: ProbeDropReason): void
}

interface Known {
  readonly index: number
  readonly id: NodeId
  readonly seals: PeerSeals
  readonly window: SequenceWindow
  readonly paths: PeerPaths
  tokens: number
  filledAt: Instant
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
    const known = { index, id, seals, window: new SequenceWindow(), paths, tokens: BURST, filledAt: now.instant }
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
  }

  /** A datagram that `probeSender` knows the sender of. By a relay only calls count: what else it says is of paths. */
  onDatagram(datagram: Uint8Array, path: Path, now: Now): void {
    this.#now = now
    const sender = probeSender(datagram)
    const known = sender && this.#byId.get(sender)
    const message = known === undefined ? 'probe-unknown-sender' : this.#open(known, datagram, now.instant)
    if (known === undefined || typeof message === 'string') this.#host.drop(message as ProbeDropReason)
    else this.#onMessage(known.paths, message, path, now.instant)
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

  #onMessage(paths: PeerPaths, message: ProbeMessage, path: Path, now: Instant): void {
    if (message.kind === 'call') paths.onCall(message, now)
    else if (path.kind === 'relayed') this.#host.drop('probe-malformed')
    else if (message.kind === 'probe') paths.onProbe(message, path, now)
    else paths.onReply(message, path, now)
  }

  #open(known: Known, datagram: Uint8Array, now: Instant): ProbeMessage | ProbeDropReason {
    const opened = known.seals.open(datagram)
    if (opened === undefined) return 'probe-forged'
    if (!this.#take(known, now)) return 'probe-rate'
    const message = decodeProbeMessage(opened.body)
    if (message === undefined) return 'probe-malformed'
    // A reply is new by its transaction, which nobody can guess.
    if (message.kind === 'reply') return message
    if (!known.window.accept(message.sequence)) return 'probe-replayed'
    known.seals.onHeard(opened.by)
    return message
  }

  #take(known: Known, now: Instant): boolean {
    known.tokens = Math.min(BURST, known.tokens + ((now - known.filledAt) / 1000) * PER_SECOND)
    known.filledAt = now
    if (known.tokens < 1) return false
    known.tokens--
    return true
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
      nextSequence: () => this.#nextSequence(),
      use: (path, mtu) => host.use(index, path, mtu),
      doubt: (relay) => host.doubt(relay),
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
