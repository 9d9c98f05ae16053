import { type DatagramRun, datagramsOf, type Endpoint, earliest, type Instant, type Now, runOf } from '@weft/base'
import type { DirectPath, Path } from '@weft/datapath'
import type { NodeId, PrivateKey } from '@weft/keys'
import { type PeerPaths, probeSender, type RelayComplaint, Traversal } from '@weft/traversal'
import { directPaths, MAX_ENDPOINTS, type MeshPrefixes, type Underlay } from './endpoints.ts'
import type { NodeDropReason, NodeOutput, RelayStanding } from './node-interface.ts'
import type { Peer } from './peer.ts'
import { type KnownRelay, RelaySet } from './relay-set.ts'
import type { TunnelsHost } from './tunnels.ts'

export interface PeerRoutesHost
  extends Pick<TunnelsHost, 'crypto' | 'random' | 'meters' | 'peerAt' | 'command' | 'log'> {
  readonly underlay: Underlay
  meshPrefixes(): MeshPrefixes
  ownEndpoints(): readonly Endpoint[]
  refreshEndpoints(): void
  sendByRelay(output: Pick<Extract<NodeOutput, { kind: 'send-by-relay' }>, 'relay' | 'to' | 'run'>): void
  doubtRelay(relay: NodeId): void
  sendOnLan(datagram: Uint8Array): void
  seenAs(observed: Endpoint, by: Endpoint): void
  keepRelays(relays: readonly NodeId[]): void
  countDrop(reason: NodeDropReason): void
  use(peer: Peer, path: Path, mtu: number): void
}

const complaints: Readonly<Record<RelayComplaint, string>> = {
  'no-reply': 'no reply by the relay',
  'not-absent': 'the relay denies a peer that is there',
}

/** How the peers of one mesh are reached: its relays, and the `Traversal` that chooses among the paths. */
export class PeerRoutes {
  readonly #host: PeerRoutesHost
  readonly #traversal: Traversal
  readonly #relays = new RelaySet()
  #kept = ''
  #connected = ''

  constructor(
    host: PeerRoutesHost,
    own: { readonly id: NodeId; readonly probeKeys: readonly PrivateKey<'probe'>[] },
    now: Now,
  ) {
    this.#host = host
    const { crypto, random, meters } = host
    this.#traversal = new Traversal(
      {
        crypto,
        random,
        meter: (index) => meters.meter(index as Peer['index']),
        ownEndpoints: () => host.ownEndpoints(),
        refreshEndpoints: () => host.refreshEndpoints(),
        pathTo: (endpoint) => directPaths([endpoint], host.underlay, host.meshPrefixes())[0],
        send: (index, path, datagram, whole) => this.#withPeer(index, (peer) => this.send(peer, path, datagram, whole)),
        use: (index, path, mtu) => this.#withPeer(index, (peer) => host.use(peer, path, mtu)),
        doubt: (index, relay, complaint) => this.#withPeer(index, (peer) => this.#doubt(peer, relay, complaint)),
        wantRelays: (relays, at) => {
          this.#relays.want(relays, at)
          this.#tellKept()
        },
        searchRelays: (at) => {
          this.#relays.search(at)
          this.#tellKept()
        },
        changed: (index, path, why) => this.#withPeer(index, (peer) => this.#logChange(peer, path, why)),
        drop: (reason) => host.countDrop(reason),
        sendOnLan: (datagram) => host.sendOnLan(datagram),
        seenAs: (observed, by) => host.seenAs(observed, by),
      },
      own,
      now,
    )
  }

  get home(): NodeId | undefined {
    return this.#relays.home
  }

  /** All that the mesh has. */
  relays(): Iterable<readonly [NodeId, KnownRelay]> {
    return this.#relays.all()
  }

  setRelays(relays: readonly NodeId[], now: Now): void {
    this.#relays.setKnown(relays, now.instant)
    this.#onRelays(now)
  }

  setRelay(relay: NodeId, standing: RelayStanding | undefined, now: Now): void {
    this.#relays.setStanding(relay, standing)
    this.#onRelays(now)
  }

  add(peer: Peer, now: Now): void {
    const { id, probeKey } = peer.identity
    this.#traversal.add({ index: peer.index, id, probeKey }, peer.claim.endpoints, now)
  }

  setOwnKeys(keys: readonly PrivateKey<'probe'>[]): void {
    this.#traversal.setOwnKeys(keys)
  }

  rekey(peer: Peer): void {
    this.#traversal.setPeerKey(peer.index, peer.identity.probeKey)
  }

  remove(peer: Peer): void {
    this.#traversal.remove(peer.index)
  }

  of(peer: Peer): PeerPaths | undefined {
    return this.#traversal.paths(peer.index)
  }

  /** Where a handshake is tried: all direct ways that may be, in no order. */
  directPaths(peer: Peer): readonly DirectPath[] {
    return this.of(peer)?.directPaths().slice(0, MAX_ENDPOINTS) ?? []
  }

  relaysTo(peer: Peer, now: Instant): readonly Path[] {
    return (
      this.of(peer)
        ?.likelyRelays(now)
        .map((relay): Path => ({ kind: 'relayed', relay })) ?? []
    )
  }

  send(peer: Peer, path: Path, datagram: Uint8Array, whole = false): void {
    if (path.kind === 'direct') this.#host.command({ kind: 'send-datagram', path, datagram, whole })
    else this.sendByRelay(peer, path.relay, runOf(datagram))
  }

  sendByRelay(peer: Peer, relay: NodeId, run: DatagramRun): void {
    this.#host.sendByRelay({ relay, to: peer.identity.id, run })
  }

  onSession(peer: Peer): void {
    this.#traversal.onSession(peer.index)
  }

  /** What a relay brought of a peer. */
  onRelayed(relay: NodeId, run: DatagramRun, now: Now): void {
    const datagrams = datagramsOf(run)
    const probes = datagrams.filter((datagram) => probeSender(datagram) !== undefined)
    if (probes.length === 0) this.#host.command({ kind: 'receive-relayed', relay, run })
    else
      for (const datagram of datagrams)
        if (probes.includes(datagram)) this.#traversal.onDatagram(datagram, { kind: 'relayed', relay }, now)
        else this.#host.command({ kind: 'receive-relayed', relay, run: runOf(datagram) })
  }

  onAbsent(relay: NodeId, node: NodeId, now: Now): void {
    this.#traversal.onAbsent(relay, node, now)
  }

  knows(sender: NodeId): boolean {
    return this.#traversal.knows(sender)
  }

  /** On a LAN, by no path. */
  onProbe(datagram: Uint8Array, path: DirectPath | undefined, now: Now): void {
    this.#traversal.onDatagram(datagram, path, now)
  }

  onOwnEndpoints(now: Now): void {
    this.#traversal.onOwnEndpoints(now)
  }

  onNetworkChanged(now: Now): void {
    this.#relays.onNetworkChanged(now.instant)
    this.#traversal.onNetworkChanged(now)
    this.#tellKept()
  }

  wake(now: Now): void {
    this.#relays.wake(now.instant)
    this.#traversal.wake(now)
    this.#tellKept()
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#relays.nextTimeout(), this.#traversal.nextTimeout())
  }

  /** Peers learn only of those that are connected; the owner, to which connections are to be. */
  #onRelays(now: Now): void {
    const connected = this.#relays.connected().join()
    if (connected !== this.#connected) {
      this.#connected = connected
      this.#traversal.setRelays(this.#relays.connected(), now)
    }
    this.#tellKept()
  }

  #tellKept(): void {
    const wanted = this.#relays.wanted()
    if (wanted.join() === this.#kept) return
    this.#kept = wanted.join()
    this.#host.keepRelays(wanted)
  }

  #withPeer(index: number, act: (peer: Peer) => void): void {
    const peer = this.#host.peerAt(index as Peer['index'])
    if (peer !== undefined) act(peer)
  }

  #doubt(peer: Peer, relay: NodeId, complaint: RelayComplaint): void {
    if (this.#relays.complain(relay, complaint))
      this.#host.log('info', complaints[complaint], { relay, peer: peer.identity.id, name: peer.claim.name })
    this.#host.doubtRelay(relay)
  }

  #logChange(peer: Peer, path: Path, why: string): void {
    const { id } = peer.identity
    this.#host.log('info', 'path changed', { peer: id, name: peer.claim.name, path: path.kind, why })
    this.#host.log('debug', 'path', { peer: id, to: path.kind === 'direct' ? path.remote : path.relay })
  }
}
