import { assertNever, type Core, type Instant, invariant, isZero, type Now, type Prefix, type Random } from '@weft/base'
import { type DatapathReport, type DirectPath, MAX_PEERS, type PeerMeters } from '@weft/datapath'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'
import { AllowedIps, type PeerIndex } from '@weft/wireguard'
import type { ClientId, WgInput, WgOutput } from './device-interface.ts'
import { deviceText, errnoText } from './device-text.ts'
import { type Errno, errnoOf } from './errno.ts'
import { ListenSockets } from './listen-sockets.ts'
import { PeerTable } from './peer-table.ts'
import type { AllowedIpChange, DeviceChange, PeerChange, Request } from './request.ts'
import { Tunnels } from './tunnels.ts'
import type { WgPeer } from './wg-peer.ts'

/** A change that waits for what only the system can grant: first the mark, then the sockets. */
interface PendingSet {
  readonly client: ClientId
  readonly change: DeviceChange
  readonly awaits: 'mark' | 'sockets'
}

/** All prefixes of a device: four times what the largest known configurations have. */
const MAX_PREFIXES = 1 << 19

/**
 * One WireGuard interface without a mesh: what `wg` configures, as one state machine over the fast path. Peers are stock
 * peers, and roam: whatever is authentic moves their endpoint.
 *
 * A request is taken as a whole or not at all: its text is checked before it comes here, then what only the device knows
 * (how many peers there would be), then the mark and the sockets that it asks for are had from the system, and only then it
 * changes anything. While a request waits for those, later ones wait for it.
 */
export class WgDevice implements Core<WgInput, WgOutput> {
  readonly #crypto: CryptoProvider
  readonly #meters: PeerMeters
  readonly #outputs: WgOutput[] = []
  /** How many of the outputs were taken; thousands of peers make long queues. */
  #taken = 0
  readonly #peers = new PeerTable()
  readonly #allowedIps = new AllowedIps()
  readonly #sockets: ListenSockets
  readonly #tunnels: Tunnels
  readonly #waiting: { readonly client: ClientId; readonly request: Request }[] = []
  #privateKey: PrivateKey<'node'> | undefined
  #publicKey: PublicKey<'node'> | undefined
  #fwmark = 0
  #mtu: number
  #pending: PendingSet | undefined

  /** `mtu`: the interface's, in bytes. */
  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly meters: PeerMeters
    readonly mtu: number
  }) {
    this.#crypto = options.crypto
    this.#meters = options.meters
    this.#mtu = options.mtu
    this.#sockets = new ListenSockets((command) => this.#emit({ kind: 'datapath', command }))
    this.#tunnels = new Tunnels({
      crypto: options.crypto,
      random: options.random,
      meters: options.meters,
      peers: this.#peers,
      command: (command) => this.#emit({ kind: 'datapath', command }),
      onHeard: (peer, path) => this.#onHeard(peer, path),
      log: (event, peer, reason) =>
        this.#emit({ kind: 'log', level: 'debug', event, fields: { peer: peer?.publicKey, reason } }),
    })
    this.#emit({ kind: 'datapath', command: { kind: 'set-filter', rules: 'off' } })
  }

  handle(input: WgInput, now: Now): void {
    switch (input.kind) {
      case 'request':
        this.#waiting.push(input)
        this.#work(now)
        return
      case 'report':
        this.#onReport(input.report, now)
        return
      case 'mtu':
        if (input.mtu === this.#mtu) return
        this.#mtu = input.mtu
        for (const peer of this.#peers.values()) this.#tellPath(peer)
        return
      default:
        assertNever(input)
    }
  }

  wake(now: Now): void {
    this.#tunnels.wake(now)
  }

  poll(): WgOutput | undefined {
    const output = this.#outputs[this.#taken++]
    if (output === undefined) {
      this.#outputs.length = 0
      this.#taken = 0
    }
    return output
  }

  nextTimeout(): Instant | undefined {
    return this.#tunnels.nextTimeout()
  }

  /** Takes up requests in their order, until one has to wait. */
  #work(now: Now): void {
    while (this.#pending === undefined) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#take(next.client, next.request, now)
    }
  }

  #take(client: ClientId, request: Request, now: Now): void {
    switch (request.kind) {
      case 'get':
        this.#answer(client, this.#text())
        return
      case 'refused':
        this.#refuse(client, request)
        return
      case 'set':
        this.#set(client, request.change, now)
        return
      default:
        assertNever(request)
    }
  }

  #set(client: ClientId, change: DeviceChange, now: Now): void {
    if (!this.#hasRoomFor(change)) {
      this.#refuse(client, { errno: 'ENOSPC', reason: `more than ${MAX_PEERS} peers or ${MAX_PREFIXES} prefixes` })
      return
    }
    if (change.fwmark === undefined || change.fwmark === this.#fwmark) {
      this.#openSockets(client, change, now)
      return
    }
    this.#pending = { client, change, awaits: 'mark' }
    this.#tellMark(change.fwmark)
  }

  #openSockets(client: ClientId, change: DeviceChange, now: Now): void {
    const port = this.#portToOpen(change)
    this.#pending = port === undefined ? undefined : { client, change, awaits: 'sockets' }
    if (port === undefined) this.#finish(client, change, now)
    else this.#sockets.open(port)
  }

  #finish(client: ClientId, change: DeviceChange, now: Now): void {
    this.#apply(change, now)
    this.#answer(client, errnoText(undefined))
  }

  /** Counts as if every peer and prefix named were new. */
  #hasRoomFor({ replacesPeers, peers }: DeviceChange): boolean {
    const made = peers.filter((peer) => !peer.isRemoved && !peer.updatesOnly && !this.#peers.get(peer.publicKey))
    const keys = new Set((replacesPeers ? peers : made).map((peer) => peer.publicKey))
    let prefixes = replacesPeers ? 0 : this.#allowedIps.size
    for (const peer of peers) prefixes += peer.allowedIps.length
    return keys.size + (replacesPeers ? 0 : this.#peers.size) <= MAX_PEERS && prefixes <= MAX_PREFIXES
  }

  /** With the first private key at the latest there is a port. */
  #portToOpen({ listenPort, privateKey }: DeviceChange): number | undefined {
    if (listenPort !== undefined) {
      if (listenPort === 0 || listenPort !== this.#sockets.port) return listenPort
      return undefined
    }
    return privateKey !== undefined && privateKey !== 'none' && !this.#sockets.isOpen ? 0 : undefined
  }

  #apply(change: DeviceChange, now: Now): void {
    if (change.privateKey !== undefined) this.#setPrivateKey(change.privateKey, now)
    this.#fwmark = change.fwmark ?? this.#fwmark
    if (change.replacesPeers) for (const peer of [...this.#peers.values()]) this.#removePeer(peer, now)
    const routed = new Set<WgPeer>()
    for (const each of change.peers) this.#changePeer(each, routed, now)
    for (const { index } of routed)
      if (this.#peers.at(index) !== undefined)
        this.#emit({
          kind: 'datapath',
          command: { kind: 'set-allowed-ips', peer: index, prefixes: this.#allowedIps.prefixesOf(index) },
        })
  }

  #setPrivateKey(given: PrivateKey<'node'> | 'none', now: Now): void {
    const privateKey = given === 'none' ? undefined : given
    if (privateKey === undefined ? this.#privateKey === undefined : this.#privateKey?.equals(privateKey)) return
    this.#privateKey = privateKey
    this.#publicKey = privateKey?.publicKey(this.#crypto)
    const own = this.#publicKey === undefined ? undefined : this.#peers.get(this.#publicKey)
    if (own !== undefined) this.#removePeer(own, now)
    this.#tunnels.setPrivateKey(privateKey, now)
  }

  #changePeer(change: PeerChange, routed: Set<WgPeer>, now: Now): void {
    // Oneself is nobody's peer: passed over, as other implementations do.
    if (change.publicKey === this.#publicKey) return
    const present = this.#peers.get(change.publicKey)
    if (change.isRemoved) {
      if (present !== undefined) this.#removePeer(present, now)
      return
    }
    if (present === undefined && change.updatesOnly) return
    const peer = present ?? this.#addPeer(change, now)
    if (present !== undefined && change.presharedKey !== undefined) {
      peer.presharedKey = keyOrNone(change.presharedKey)
      this.#tunnels.setPresharedKey(peer, now)
    }
    if (change.endpoint !== undefined && change.endpoint !== peer.endpoint) {
      peer.endpoint = change.endpoint
      peer.rebind(this.#sockets)
      this.#tellPath(peer)
    }
    if (change.persistentKeepalive !== undefined && change.persistentKeepalive !== peer.persistentKeepalive) {
      peer.persistentKeepalive = change.persistentKeepalive
      this.#tunnels.setPersistentKeepalive(peer, now)
    }
    if (this.#changeAllowedIps(peer, change)) routed.add(peer)
  }

  #addPeer({ publicKey, presharedKey }: PeerChange, now: Now): WgPeer {
    const peer = this.#peers.add(publicKey)
    peer.presharedKey = presharedKey === undefined ? undefined : keyOrNone(presharedKey)
    this.#emit({ kind: 'datapath', command: { kind: 'add-peer', peer: peer.index, roams: true } })
    this.#tunnels.add(peer, now)
    return peer
  }

  #removePeer(peer: WgPeer, now: Now): void {
    this.#tunnels.remove(peer, now)
    this.#allowedIps.removeOwner(peer.index)
    this.#emit({ kind: 'datapath', command: { kind: 'remove-peer', peer: peer.index } })
    this.#peers.remove(peer)
  }

  /** Whether anything is to be told. */
  #changeAllowedIps(peer: WgPeer, { replacesAllowedIps, allowedIps }: PeerChange): boolean {
    if (replacesAllowedIps) this.#allowedIps.removeOwner(peer.index)
    for (const change of allowedIps) this.#changeAllowedIp(peer.index, change)
    return replacesAllowedIps || allowedIps.length > 0
  }

  #changeAllowedIp(peer: PeerIndex, { prefix, isRemoved }: AllowedIpChange): void {
    if (!isRemoved) this.#allowedIps.set(prefix, peer)
    else if (this.#allowedIps.isOwner(prefix, peer)) this.#allowedIps.remove(prefix)
  }

  #onReport(report: DatapathReport, now: Now): void {
    switch (report.kind) {
      case 'socket-opened':
      case 'socket-failed':
        this.#onSocket(report, now)
        return
      case 'mark-set':
      case 'mark-refused':
        this.#onMark(report, now)
        return
      case 'handshake':
        this.#tunnels.onHandshake(report.message, report.path, now)
        return
      case 'session-wanted':
      case 'rekey-due':
      case 'session-confirmed':
      case 'activity':
        this.#tunnels.onReport(report, now)
        return
      case 'path-changed':
        this.#peers.at(report.peer)?.moveTo(report.path)
        return
      case 'failed':
        this.#emit({ kind: 'ended', reason: report.reason })
        return
      case 'datagram':
      case 'flow':
      case 'echo':
      case 'node-packet':
      case 'relayed':
        return
      default:
        assertNever(report)
    }
  }

  #onMark(report: Extract<DatapathReport, { kind: 'mark-set' | 'mark-refused' }>, now: Now): void {
    const pending = this.#pending
    if (pending?.awaits !== 'mark' || pending.change.fwmark !== report.mark) return
    this.#pending = undefined
    if (report.kind === 'mark-set') this.#openSockets(pending.client, pending.change, now)
    else this.#refuse(pending.client, { errno: errnoOf(report.code), reason: `no mark: ${report.code}` })
    this.#work(now)
  }

  #onSocket(report: Extract<DatapathReport, { kind: 'socket-opened' | 'socket-failed' }>, now: Now): void {
    const outcome = this.#sockets.onReport(report)
    if (outcome === undefined) {
      if (report.kind === 'socket-failed')
        this.#emit({ kind: 'log', level: 'debug', event: 'socket refused', fields: { code: report.code } })
      return
    }
    const pending = this.#pending
    invariant(pending !== undefined, 'sockets are opened for a request')
    this.#pending = undefined
    if (outcome.kind === 'opened') {
      for (const peer of this.#peers.values()) {
        peer.rebind(this.#sockets)
        this.#tellPath(peer)
      }
      this.#finish(pending.client, pending.change, now)
    } else this.#onNoSocket(pending, outcome.code)
    this.#work(now)
  }

  #onNoSocket({ client, change }: PendingSet, code: string): void {
    if (change.fwmark !== undefined && change.fwmark !== this.#fwmark) this.#tellMark(this.#fwmark)
    this.#refuse(client, { errno: errnoOf(code), reason: `no socket: ${code}` })
  }

  #onHeard(peer: WgPeer, path: DirectPath): void {
    if (peer.moveTo(path)) this.#tellPath(peer)
  }

  #tellMark(mark: number): void {
    this.#emit({ kind: 'datapath', command: { kind: 'set-mark', mark } })
  }

  #tellPath(peer: WgPeer): void {
    const path = peer.path === undefined ? undefined : { route: peer.path, mtu: this.#mtu }
    this.#emit({ kind: 'datapath', command: { kind: 'set-path', peer: peer.index, path } })
  }

  #text(): string {
    return deviceText({
      privateKey: this.#privateKey,
      port: this.#sockets.port,
      fwmark: this.#fwmark,
      peers: this.#peers.values(),
      meters: this.#meters,
      prefixesOf: (peer: PeerIndex): readonly Prefix[] => this.#allowedIps.prefixesOf(peer),
    })
  }

  #refuse(
    client: ClientId,
    { errno, reason, isLast = false }: { readonly errno: Errno; readonly reason: string; readonly isLast?: boolean },
  ): void {
    this.#emit({ kind: 'log', level: 'error', event: 'request refused', fields: { errno, reason } })
    this.#answer(client, errnoText(errno), isLast)
  }

  #answer(client: ClientId, text: string, isLast = false): void {
    this.#emit({ kind: 'answer', client, text, isLast })
  }

  #emit(output: WgOutput): void {
    this.#outputs.push(output)
  }
}

function keyOrNone(presharedKey: Uint8Array): Uint8Array | undefined {
  return isZero(presharedKey) ? undefined : presharedKey
}
