import { assertNever, endpointBytes, type Instant, type Now, type Random, seconds, type WallTime } from '@weft/base'
import type { DatapathCommand, DatapathReport, DirectPath, Path, PeerMeters } from '@weft/datapath'
import type { CryptoProvider, PrivateKey } from '@weft/keys'
import { type EngineInput, type EngineOutput, type PeerIndex, ReceiverIndices, WireGuardEngine } from '@weft/wireguard'
import type { PeerTable } from './peer-table.ts'
import type { WgPeer } from './wg-peer.ts'

export type PeerReport = Extract<
  DatapathReport,
  { kind: 'session-wanted' | 'rekey-due' | 'session-confirmed' | 'activity' }
>

/** What tunnels need of the device that they are of. */
export interface TunnelsHost {
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly meters: PeerMeters
  readonly peers: PeerTable
  command(command: DatapathCommand): void
  /** An authentic handshake message came from there. */
  onHeard(peer: WgPeer, path: DirectPath): void
  log(event: string, peer: WgPeer | undefined, reason?: string): void
}

type PeerOutput = Extract<EngineOutput<Path>, { readonly peer: PeerIndex }>

/**
 * The WireGuard engine of the device. Its last timestamp is not kept over a restart, as no other implementation does: an
 * interface leaves nothing behind.
 */
export class Tunnels {
  readonly #host: TunnelsHost
  readonly #engine: WireGuardEngine<Path>
  #now: Now | undefined

  constructor(host: TunnelsHost) {
    this.#host = host
    const { crypto, random, meters } = host
    const indices = new ReceiverIndices(random)
    const takeIndex = () => indices.take(this.#now?.instant ?? (0 as Instant))
    this.#engine = new WireGuardEngine<Path>({ crypto, random, privateKey: undefined, takeIndex, meters })
  }

  /** Sessions of another key before are forgotten. */
  setPrivateKey(privateKey: PrivateKey<'node'> | undefined, now: Now): void {
    const keys = privateKey === undefined ? [] : [privateKey.publicKey(this.#host.crypto)]
    this.#host.command({ kind: 'set-local-keys', keys })
    this.#tell({ kind: 'set-private-key', ...(privateKey === undefined ? {} : { privateKey }) }, now)
  }

  add(peer: WgPeer, now: Now): void {
    const { index, publicKey, presharedKey } = peer
    const psk = presharedKey === undefined ? {} : { presharedKey }
    this.#tell({ kind: 'add-peer', peer: index, publicKey, ...psk }, now)
  }

  remove(peer: WgPeer, now: Now): void {
    this.#tell({ kind: 'remove-peer', peer: peer.index }, now)
  }

  setPresharedKey(peer: WgPeer, now: Now): void {
    const { index, presharedKey } = peer
    this.#tell({ kind: 'set-preshared-key', peer: index, ...(presharedKey === undefined ? {} : { presharedKey }) }, now)
  }

  /** Of the peer, in seconds; 0: never. */
  setPersistentKeepalive(peer: WgPeer, now: Now): void {
    const { index, persistentKeepalive } = peer
    const interval = persistentKeepalive === 0 ? {} : { interval: seconds(persistentKeepalive) }
    this.#tell({ kind: 'set-persistent-keepalive', peer: index, ...interval }, now)
  }

  onHandshake(message: Uint8Array, source: Path, now: Now): void {
    if (source.kind !== 'direct') return
    this.#tell({ kind: 'handshake', message, source, origin: endpointBytes(source.remote) }, now)
  }

  onReport(report: PeerReport, now: Now): void {
    switch (report.kind) {
      case 'session-confirmed':
        // A late report may be of another peer that had the same number.
        if (report.localIndex !== this.#host.peers.at(report.peer)?.offeredIndex) return
        this.#tell({ kind: 'session-confirmed', peer: report.peer, localIndex: report.localIndex }, now)
        return
      case 'activity': {
        const meter = this.#host.meters.meter(report.peer)
        const since = report.activity === 'sent' ? meter.unansweredSince : meter.owedSince
        this.#tell({ kind: 'activity', peer: report.peer, activity: report.activity, since }, now)
        return
      }
      case 'session-wanted':
        this.#tell({ kind: 'session-wanted', peer: report.peer }, now)
        return
      case 'rekey-due':
        this.#tell({ kind: 'rekey-due', peer: report.peer, localIndex: report.localIndex }, now)
        return
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
        this.#host.log('handshake dropped', undefined, output.reason)
        return
      case 'save-timestamp':
        return
      case 'send-cookie-reply':
        this.#answer(output.to, output.message)
        return
      default: {
        const peer = this.#host.peers.at(output.peer)
        if (peer !== undefined) this.#actFor(peer, output)
      }
    }
  }

  #answer(to: Path, datagram: Uint8Array): void {
    if (to.kind === 'direct') this.#host.command({ kind: 'send-datagram', path: to, datagram })
  }

  #actFor(peer: WgPeer, output: PeerOutput): void {
    switch (output.kind) {
      case 'send-initiation':
        if (peer.path === undefined) this.#host.log('no endpoint to send to', peer)
        else this.#host.command({ kind: 'send-datagram', path: peer.path, datagram: output.message })
        return
      case 'send-response':
        if (output.to.kind === 'direct') this.#host.onHeard(peer, output.to)
        this.#answer(output.to, output.message)
        return
      case 'install-session':
        if (output.proven?.kind === 'direct') this.#host.onHeard(peer, output.proven)
        peer.offeredIndex = output.session.localIndex
        this.#host.command({ kind: 'install-session', peer: peer.index, session: output.session })
        return
      case 'forget-sessions':
        peer.offeredIndex = undefined
        this.#host.command(output)
        return
      case 'send-keepalive':
      case 'drop-staged':
      case 'watch-activity':
        this.#host.command(output)
        return
      case 'handshake-complete':
        peer.lastHandshake = this.#wall()
        this.#host.log('handshake complete', peer)
        return
      case 'peer-removed':
        this.#host.log('peer has the own key', peer)
        return
      case 'given-up':
        this.#host.log('peer does not answer', peer)
        return
      default:
        assertNever(output)
    }
  }

  #wall(): WallTime | undefined {
    return this.#now?.wall
  }
}
