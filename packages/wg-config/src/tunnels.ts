import { type Instant, type Now, type Random, seconds } from '@weft/base'
import {
  type DatapathCommand,
  type DirectPath,
  EngineLink,
  type EngineOwner,
  type Path,
  type PeerMeters,
  type SessionReport,
} from '@weft/datapath'
import type { CryptoProvider, PrivateKey } from '@weft/keys'
import { type PeerIndex, ReceiverIndices } from '@weft/wireguard'
import type { PeerTable } from './peer-table.ts'
import type { WgPeer } from './wg-peer.ts'

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

/**
 * The WireGuard engine of the device. Its last timestamp is not kept over a restart, as no other implementation does: an
 * interface leaves nothing behind.
 */
export class Tunnels {
  readonly #host: TunnelsHost
  readonly #link: EngineLink

  constructor(host: TunnelsHost) {
    this.#host = host
    this.#link = new EngineLink(this.#owner(), { privateKeys: [] })
  }

  /** Sessions of another key before are forgotten. */
  setPrivateKey(privateKey: PrivateKey<'node'> | undefined, now: Now): void {
    const keys = privateKey === undefined ? [] : [privateKey.publicKey(this.#host.crypto)]
    this.#host.command({ kind: 'set-local-keys', keys })
    this.#link.tell({ kind: 'set-private-key', ...(privateKey === undefined ? {} : { privateKey }) }, now)
  }

  add(peer: WgPeer, now: Now): void {
    const { index, publicKey, presharedKey } = peer
    const psk = presharedKey === undefined ? {} : { presharedKey }
    this.#link.tell({ kind: 'add-peer', peer: index, publicKey, ...psk }, now)
  }

  remove(peer: WgPeer, now: Now): void {
    this.#link.tell({ kind: 'remove-peer', peer: peer.index }, now)
  }

  setPresharedKey(peer: WgPeer, now: Now): void {
    const { index, presharedKey } = peer
    this.#link.tell(
      { kind: 'set-preshared-key', peer: index, ...(presharedKey === undefined ? {} : { presharedKey }) },
      now,
    )
  }

  /** Of the peer, in seconds; 0: never. */
  setPersistentKeepalive(peer: WgPeer, now: Now): void {
    const { index, persistentKeepalive } = peer
    const interval = persistentKeepalive === 0 ? {} : { interval: seconds(persistentKeepalive) }
    this.#link.tell({ kind: 'set-persistent-keepalive', peer: index, ...interval }, now)
  }

  onHandshake(message: Uint8Array, source: Path, now: Now): void {
    if (source.kind === 'direct') this.#link.onHandshake(message, source, now)
  }

  onReport(report: SessionReport, now: Now): void {
    this.#link.onReport(report, now)
  }

  wake(now: Now): void {
    this.#link.wake(now)
  }

  nextTimeout(): Instant | undefined {
    return this.#link.nextTimeout()
  }

  /** Peers are stock peers: whatever is authentic moves them. */
  #owner(): EngineOwner {
    const host = this.#host
    const { crypto, random, meters } = host
    const indices = new ReceiverIndices(random)
    return {
      crypto,
      random,
      meters,
      takeReceiverIndex: (now) => indices.take(now),
      command: (command) => host.command(command),
      sendInitiation: (index, message) => this.#with(index, (peer) => this.#initiate(peer, message)),
      sendResponse: (index, message, to) => this.#with(index, (peer) => this.#respond(peer, message, to)),
      onSession: (index, _session, { proven }) =>
        this.#with(index, (peer) => proven?.kind === 'direct' && host.onHeard(peer, proven)),
      onConfirmed: () => undefined,
      onSessionsForgotten: () => undefined,
      onHandshakeComplete: (index, now) =>
        this.#with(index, (peer) => {
          peer.lastHandshake = now.wall
          host.log('handshake complete', peer)
        }),
      onGivenUp: (index) => this.#with(index, (peer) => host.log('peer does not answer', peer)),
      onOwnKey: (index) => this.#with(index, (peer) => host.log('peer has the own key', peer)),
      onDropped: (reason) => host.log('handshake dropped', undefined, reason),
      saveTimestamp: () => undefined,
    }
  }

  #with(index: PeerIndex, act: (peer: WgPeer) => void): void {
    const peer = this.#host.peers.at(index)
    if (peer !== undefined) act(peer)
  }

  #initiate(peer: WgPeer, datagram: Uint8Array): void {
    if (peer.path === undefined) this.#host.log('no endpoint to send to', peer)
    else this.#host.command({ kind: 'send-datagram', path: peer.path, datagram })
  }

  #respond(peer: WgPeer, datagram: Uint8Array, to: Path): void {
    if (to.kind !== 'direct') return
    this.#host.onHeard(peer, to)
    this.#host.command({ kind: 'send-datagram', path: to, datagram })
  }
}
