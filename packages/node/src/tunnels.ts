import {
  assertNever,
  endpointBytes,
  type Instant,
  milliseconds,
  type Now,
  type Random,
  utf8,
  type WallTime,
} from '@weft/base'
import type { DatapathCommand, DatapathReport, Path, PeerMeters } from '@weft/datapath'
import type { CryptoProvider, PrivateKey } from '@weft/keys'
import {
  type EngineInput,
  type EngineOutput,
  type HandshakeDropReason,
  type PeerIndex,
  WireGuardEngine,
} from '@weft/wireguard'
import { type Log, UNPROVEN_PATH_MTU } from './node-interface.ts'
import { isSamePath, type Peer } from './peer.ts'
import type { PeerRoutes } from './peer-routes.ts'

/** Heard of within it, a path is in use, and only a proof moves it. WireGuard paper §6.5, Keepalive and Rekey-Timeout. */
const PATH_ALIVE_FOR = milliseconds(15_000)

export type PeerReport = Extract<
  DatapathReport,
  { kind: 'session-wanted' | 'rekey-due' | 'session-confirmed' | 'activity' }
>

type PeerOutput = Extract<EngineOutput<Path>, { readonly peer: PeerIndex }>

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
  readonly #engine: WireGuardEngine<Path>
  #now: Now
  /** Of the handshake message in hand. */
  #heardOn: Path | undefined

  constructor(
    host: TunnelsHost,
    stored: { readonly privateKey: PrivateKey<'node'>; readonly latestTimestamp: WallTime | undefined },
    now: Now,
  ) {
    this.#host = host
    this.#now = now
    const { crypto, random, meters } = host
    const takeIndex = () => host.takeReceiverIndex()
    this.#engine = new WireGuardEngine<Path>({ crypto, random, ...stored, takeIndex, meters })
  }

  add(peer: Peer, now: Now): void {
    this.#tell({ kind: 'add-peer', peer: peer.index, publicKey: peer.identity.nodeKey }, now)
  }

  remove(peer: Peer, now: Now): void {
    this.#tell({ kind: 'remove-peer', peer: peer.index }, now)
  }

  /** Makes a new session, if there is one: its path may be no good any more. */
  renew(peer: Peer, now: Now): void {
    if (peer.hasSession(now.instant)) this.#tell({ kind: 'session-wanted', peer: peer.index }, now)
  }

  /** What the choice among the paths came to. */
  usePath(peer: Peer, path: Path): void {
    if (isSamePath(peer.path, path)) return
    peer.path = path
    this.#host.command({ kind: 'set-path', peer: peer.index, path: { route: path, mtu: UNPROVEN_PATH_MTU } })
  }

  onHandshake(message: Uint8Array, path: Path, now: Now): void {
    const origin = path.kind === 'direct' ? endpointBytes(path.remote) : utf8(path.relay)
    this.#heardOn = path
    this.#tell({ kind: 'handshake', message, source: path, origin }, now)
    this.#heardOn = undefined
  }

  onReport(report: PeerReport, now: Now): void {
    const peer = this.#host.peerAt(report.peer)
    if (peer === undefined) return
    switch (report.kind) {
      case 'session-wanted':
        this.#host.routes.of(peer)?.onWanted(now.instant)
        this.#tell({ kind: 'session-wanted', peer: report.peer }, now)
        return
      case 'rekey-due':
        this.#tell({ kind: 'rekey-due', peer: report.peer, localIndex: report.localIndex }, now)
        return
      case 'session-confirmed':
        // A late report may be of another peer that had the same number.
        if (report.localIndex !== peer.offeredIndex) return
        this.#host.routes.of(peer)?.onProven(report.path, now.instant)
        this.#tell({ kind: 'session-confirmed', peer: report.peer, localIndex: report.localIndex }, now)
        return
      case 'activity': {
        this.#host.routes.of(peer)?.onWanted(now.instant)
        const meter = this.#host.meters.meter(report.peer)
        const since = report.activity === 'sent' ? meter.unansweredSince : meter.owedSince
        this.#tell({ kind: 'activity', peer: report.peer, activity: report.activity, since }, now)
        return
      }
      default:
        assertNever(report)
    }
  }

  wake(now: Now): void {
    this.#now = now
    this.#engine.wake(now)
    this.#drain()
  }

  nextTimeout(): Instant | undefined {
    return this.#engine.nextTimeout()
  }

  #tell(input: EngineInput<Path>, now: Now): void {
    this.#now = now
    this.#engine.handle(input, now)
    this.#drain()
  }

  #drain(): void {
    for (let output = this.#engine.poll(); output !== undefined; output = this.#engine.poll()) this.#act(output)
  }

  #act(output: EngineOutput<Path>): void {
    switch (output.kind) {
      case 'dropped':
        this.#host.countDrop(output.reason)
        this.#host.log('debug', 'handshake dropped', { reason: output.reason })
        return
      case 'save-timestamp':
        this.#host.saveTimestamp(output.bound)
        return
      case 'send-cookie-reply':
        this.#answer(output.to, output.message)
        return
      default: {
        const peer = this.#host.peerAt(output.peer)
        if (peer !== undefined) this.#actFor(peer, output)
      }
    }
  }

  /** By every way that may lead to the peer: the first that arrives is answered. */
  #initiate(peer: Peer, message: Uint8Array): void {
    const { routes } = this.#host
    const { instant } = this.#now
    const relay = routes.relayTo(peer, instant)
    const direct = peer.initiationPaths(routes.directPaths(peer), instant)
    for (const path of relay === undefined ? direct : [...direct, relay]) routes.send(peer, path, message)
  }

  /** Who is not known is answered where no relay has to be told whom to bring it. */
  #answer(to: Path, datagram: Uint8Array): void {
    if (to.kind === 'direct') this.#host.command({ kind: 'send-datagram', path: to, datagram })
  }

  #actFor(peer: Peer, output: PeerOutput): void {
    switch (output.kind) {
      case 'send-initiation':
        this.#initiate(peer, output.message)
        return
      case 'send-response':
        this.#host.routes.send(peer, output.to, output.message)
        return
      case 'install-session':
        this.#onSession(peer, output)
        return
      case 'forget-sessions':
        peer.onSessionsForgotten()
        this.#host.command(output)
        return
      case 'send-keepalive':
      case 'drop-staged':
      case 'watch-activity':
        this.#host.command(output)
        return
      case 'handshake-complete':
        this.#onHandshakeComplete(peer)
        return
      case 'peer-removed':
        // Only where a peer has this node's own key, which none is verified with.
        this.#host.log('error', 'peer has the own key', { peer: peer.identity.id })
        return
      case 'given-up':
        this.#host.log('info', 'peer does not answer', { peer: peer.identity.id, name: peer.claim.name })
        return
      default:
        assertNever(output)
    }
  }

  /** A responder's path is taken on trust, until the first data prove one, only where there is no other. */
  #onSession(peer: Peer, { session, proven }: Extract<EngineOutput<Path>, { kind: 'install-session' }>): void {
    const paths = this.#host.routes.of(peer)
    if (session.role === 'initiator' && proven !== undefined) paths?.onProven(proven, this.#now.instant)
    else if (this.#heardOn !== undefined && !this.#isAlive(peer)) paths?.onOffered(this.#heardOn, this.#now.instant)
    peer.onSession(session, this.#now.instant)
    this.#host.command({ kind: 'install-session', peer: peer.index, session })
  }

  #onHandshakeComplete(peer: Peer): void {
    const isNew = !peer.hasSession(this.#now.instant)
    peer.onHandshakeComplete(this.#now)
    this.#host.routes.onSession(peer)
    this.#host.log(isNew ? 'info' : 'debug', 'session made', { peer: peer.identity.id, name: peer.claim.name })
  }

  #isAlive(peer: Peer): boolean {
    const { lastReceived } = this.#host.meters.meter(peer.index)
    return peer.path !== undefined && lastReceived !== undefined && this.#now.instant - lastReceived < PATH_ALIVE_FOR
  }
}
