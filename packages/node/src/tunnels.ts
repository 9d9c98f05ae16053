import { type Instant, milliseconds, type Now, type Random, type WallTime } from '@weft/base'
import {
  type DatapathCommand,
  EngineLink,
  type EngineOwner,
  type Path,
  type PeerMeters,
  type SessionPaths,
  type SessionReport,
} from '@weft/datapath'
import type { CryptoProvider, PrivateKey } from '@weft/keys'
import type { HandshakeDropReason, PeerIndex, TransportSession } from '@weft/wireguard'
import type { Log } from './node-interface.ts'
import { isSamePath, type Peer } from './peer.ts'
import type { PeerRoutes } from './peer-routes.ts'

/** Heard of within it, a path is in use, and only a proof moves it. WireGuard paper §6.5, Keepalive and Rekey-Timeout. */
const PATH_ALIVE_FOR = milliseconds(15_000)

/** What tunnels need of the membership and the node that they are of. */
export interface TunnelsHost {
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly meters: PeerMeters
  takeReceiverIndex(): number
  peerAt(index: PeerIndex): Peer | undefined
  readonly routes: PeerRoutes
  command(command: DatapathCommand): void
  countDrop(reason: HandshakeDropReason): void
  saveTimestamp(bound: WallTime): void
  log: Log
}

/**
 * The WireGuard engine of one membership together with the paths of its peers.
 *
 * An initiation goes to every endpoint that is known of a peer. The path is then *proven* by the response, for the
 * initiator, and by the first data in the new session, for the responder: nothing else moves a peer that is in use.
 */
export class Tunnels {
  readonly #host: TunnelsHost
  readonly #link: EngineLink

  constructor(
    host: TunnelsHost,
    stored: { readonly privateKeys: readonly PrivateKey<'node'>[]; readonly latestTimestamp: WallTime | undefined },
  ) {
    this.#host = host
    this.#link = new EngineLink(this.#owner(), stored)
  }

  add(peer: Peer, now: Now): void {
    this.#link.tell({ kind: 'add-peer', peer: peer.index, publicKey: peer.identity.nodeKey }, now)
  }

  /** All that peers may know this node by, those that are tried first, first. */
  setOwnKeys(privateKeys: readonly PrivateKey<'node'>[], now: Now): void {
    this.#link.tell({ kind: 'change-private-keys', privateKeys }, now)
  }

  /** The peer has another node key: its sessions stay until one is made with it. */
  rekey(peer: Peer, now: Now): void {
    this.#link.tell({ kind: 'change-peer-key', peer: peer.index, publicKey: peer.identity.nodeKey }, now)
  }

  remove(peer: Peer, now: Now): void {
    this.#link.tell({ kind: 'remove-peer', peer: peer.index }, now)
  }

  /** Makes a new session, if there is one: its path may be no good any more. */
  renew(peer: Peer, now: Now): void {
    if (peer.hasSession(now.instant)) this.#link.renew(peer.index, now)
  }

  /** What the choice among the paths came to. */
  usePath(peer: Peer, path: Path, mtu: number): void {
    if (isSamePath(peer.path, path) && peer.mtu === mtu) return
    peer.path = path
    peer.mtu = mtu
    this.#host.command({ kind: 'set-path', peer: peer.index, path: { route: path, mtu } })
  }

  onHandshake(message: Uint8Array, path: Path, now: Now): void {
    this.#link.onHandshake(message, path, now)
  }

  onReport(report: SessionReport, now: Now): void {
    const peer = this.#host.peerAt(report.peer)
    if (peer === undefined) return
    if (report.kind === 'session-wanted' || report.kind === 'activity')
      this.#host.routes.of(peer)?.onWanted(now.instant)
    this.#link.onReport(report, now)
  }

  wake(now: Now): void {
    this.#link.wake(now)
  }

  nextTimeout(): Instant | undefined {
    return this.#link.nextTimeout()
  }

  #owner(): EngineOwner {
    const host = this.#host
    const { crypto, random, meters } = host
    return {
      crypto,
      random,
      meters,
      takeReceiverIndex: () => host.takeReceiverIndex(),
      command: (command) => host.command(command),
      sendInitiation: (index, message, now) => this.#with(index, (peer) => this.#initiate(peer, message, now)),
      sendResponse: (index, message, to) => this.#with(index, (peer) => host.routes.send(peer, to, message)),
      onSession: (index, session, paths, now) =>
        this.#with(index, (peer) => this.#onSession(peer, session, paths, now.instant)),
      onConfirmed: (index, path, now) => this.#with(index, (peer) => host.routes.of(peer)?.onProven(path, now.instant)),
      onSessionsForgotten: (index) => this.#with(index, (peer) => peer.onSessionsForgotten()),
      onHandshakeComplete: (index, now) => this.#with(index, (peer) => this.#onHandshakeComplete(peer, now)),
      onGivenUp: (index) =>
        this.#with(index, ({ identity, claim }) =>
          host.log('info', 'peer does not answer', { peer: identity.id, name: claim.name }),
        ),
      // Only where a peer has this node's own key, which none is verified with.
      onOwnKey: (index) =>
        this.#with(index, ({ identity }) => host.log('error', 'peer has the own key', { peer: identity.id })),
      onDropped: (reason) => {
        host.countDrop(reason)
        host.log('debug', 'handshake dropped', { reason })
      },
      saveTimestamp: (bound) => host.saveTimestamp(bound),
    }
  }

  #with(index: PeerIndex, act: (peer: Peer) => void): void {
    const peer = this.#host.peerAt(index)
    if (peer !== undefined) act(peer)
  }

  /** By every way that may lead to the peer: the first that arrives is answered. */
  #initiate(peer: Peer, message: Uint8Array, { instant }: Now): void {
    const { routes } = this.#host
    const direct = peer.initiationPaths(routes.directPaths(peer), instant)
    for (const path of [...direct, ...routes.relaysTo(peer, instant)]) routes.send(peer, path, message)
  }

  /** A responder's path is taken on trust, until the first data prove one, only where there is no other. */
  #onSession(peer: Peer, session: TransportSession, { proven, heard }: SessionPaths, now: Instant): void {
    const paths = this.#host.routes.of(peer)
    if (session.role === 'initiator' && proven !== undefined) paths?.onProven(proven, now)
    else if (heard !== undefined && !this.#isAlive(peer, now)) paths?.onOffered(heard, now)
    peer.onSession(session, now)
  }

  #onHandshakeComplete(peer: Peer, now: Now): void {
    const isNew = !peer.hasSession(now.instant)
    peer.onHandshakeComplete(now)
    this.#host.routes.onSession(peer)
    this.#host.log(isNew ? 'info' : 'debug', 'session made', { peer: peer.identity.id, name: peer.claim.name })
  }

  #isAlive(peer: Peer, now: Instant): boolean {
    const { lastReceived } = this.#host.meters.meter(peer.index)
    return peer.path !== undefined && lastReceived !== undefined && now - lastReceived < PATH_ALIVE_FOR
  }
}
