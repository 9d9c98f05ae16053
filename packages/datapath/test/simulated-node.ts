import {
  type Clock,
  type Endpoint,
  earliest,
  type Instant,
  type Now,
  parsePrefix,
  type Random,
  randomUint32,
  utf8,
} from '@weft/base'
import {
  type DatapathReport,
  type DirectPath,
  type Path,
  PortableDatapath,
  type PortableInput,
  type PortableOutput,
  type SocketId,
} from '@weft/datapath'
import type { FilterRule } from '@weft/filter'
import type { PrivateKey, PublicKey } from '@weft/keys'
import {
  type EngineInput,
  type EngineOutput,
  type PeerIndex,
  type TransportSession,
  WireGuardEngine,
} from '@weft/wireguard'

import { quickCrypto } from './quick-crypto.ts'

const SOCKET = 0 as SocketId
const PEER = 0 as PeerIndex
const MTU = 1280
const everywhere = [parsePrefix('0.0.0.0/0') ?? never(), parsePrefix('::/0') ?? never()]
const allowAll: FilterRule = { reason: 'all', sources: everywhere, destinations: everywhere, protocol: 'any' }

/** A node of engine and portable fast path alone, with one peer, joined as every node joins them. */
export class SimulatedNode {
  readonly endpoint: Endpoint
  readonly publicKey: PublicKey<'node'>
  readonly datapath = new PortableDatapath({ crypto: quickCrypto })
  readonly delivered: Uint8Array[] = []
  /** Every session that was ever installed, by its receiver index here. */
  readonly sessions = new Map<number, TransportSession>()
  readonly #engine: WireGuardEngine<Path>
  readonly #clock: Clock
  readonly #transmit: (to: Endpoint, datagram: Uint8Array) => void
  #peerEndpoint: Endpoint | undefined
  /** The receiver index in the last transport datagram that was sent. */
  lastReceiver: number | undefined

  constructor(options: {
    readonly endpoint: Endpoint
    readonly privateKey: PrivateKey<'node'>
    readonly random: Random
    readonly clock: Clock
    readonly transmit: (to: Endpoint, datagram: Uint8Array) => void
  }) {
    this.endpoint = options.endpoint
    this.publicKey = options.privateKey.publicKey(quickCrypto)
    this.#clock = options.clock
    this.#transmit = options.transmit
    this.#engine = new WireGuardEngine<Path>({
      crypto: quickCrypto,
      random: options.random,
      privateKeys: [options.privateKey],
      takeIndex: () => randomUint32(options.random),
      meters: this.datapath,
    })
    this.#tell({ kind: 'open-socket', socket: SOCKET, family: 4, port: 7481 })
    this.#tell({ kind: 'set-local-keys', keys: [this.publicKey] })
    this.#tell({ kind: 'set-filter', rules: [allowAll] })
  }

  addPeer(publicKey: PublicKey<'node'>, endpoint: Endpoint): void {
    this.#peerEndpoint = endpoint
    this.#tell({ kind: 'add-peer', peer: PEER })
    this.#tell({ kind: 'set-allowed-ips', peer: PEER, prefixes: everywhere })
    this.#tellEngine({ kind: 'add-peer', peer: PEER, publicKey })
  }

  send(packet: Uint8Array): void {
    this.#tell({ kind: 'port-packet', packet })
  }

  receive(datagram: Uint8Array, from: Endpoint): void {
    this.#tell({ kind: 'received', datagram, path: this.#pathTo(from) })
  }

  wake(): void {
    this.#tell({ kind: 'beat' })
    this.#engine.wake(this.#now())
    this.#settleEngine()
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#engine.nextTimeout(), this.datapath.nextTimeout())
  }

  #tell(input: PortableInput): void {
    this.datapath.handle(input, this.#now())
    for (let output = this.datapath.poll(); output !== undefined; output = this.datapath.poll()) this.#act(output)
  }

  #tellEngine(input: EngineInput<Path>): void {
    this.#engine.handle(input, this.#now())
    this.#settleEngine()
  }

  #settleEngine(): void {
    for (let output = this.#engine.poll(); output !== undefined; output = this.#engine.poll()) this.#obey(output)
  }

  #act(output: PortableOutput): void {
    switch (output.kind) {
      case 'report':
        this.#hear(output.report)
        break
      case 'to-port':
        this.delivered.push(output.packet)
        break
      case 'send':
        if (output.datagram[0] === 4) this.lastReceiver = new DataView(output.datagram.buffer).getUint32(4, true)
        this.#transmit(output.path.remote, output.datagram)
        break
      case 'open-socket': {
        const { socket, family, port } = output
        this.#tell({ kind: 'socket-result', result: { kind: 'socket-opened', socket, family, port } })
        break
      }
      case 'close-socket':
      case 'set-mark':
        break
    }
  }

  #hear(report: DatapathReport): void {
    switch (report.kind) {
      case 'session-wanted':
      case 'rekey-due':
      case 'session-confirmed':
        this.#tellEngine(report)
        break
      case 'handshake':
        this.#tellEngine({
          kind: 'handshake',
          message: report.message,
          source: report.path,
          origin: utf8(JSON.stringify(report.path)),
        })
        break
      case 'activity': {
        const { unansweredSince, owedSince } = this.datapath.meter(report.peer)
        this.#tellEngine({ ...report, since: report.activity === 'sent' ? unansweredSince : owedSince })
        break
      }
      default:
        break
    }
  }

  #obey(output: EngineOutput<Path>): void {
    switch (output.kind) {
      case 'send-initiation':
        if (this.#peerEndpoint !== undefined) this.#sendDatagram(this.#pathTo(this.#peerEndpoint), output.message)
        break
      case 'send-response':
        this.#sendDatagram(output.to, output.message)
        break
      case 'install-session':
        this.sessions.set(output.session.localIndex, output.session)
        if (output.proven !== undefined) this.#setPath(output.proven)
        this.#tell({ kind: 'install-session', peer: output.peer, session: output.session })
        break
      case 'forget-sessions':
      case 'retire-sessions':
      case 'send-keepalive':
      case 'drop-staged':
      case 'watch-activity':
        this.#tell(output)
        break
      default:
        break
    }
  }

  #sendDatagram(path: Path, datagram: Uint8Array): void {
    // Who answers a handshake has a path to where it came from.
    this.#setPath(path)
    if (path.kind === 'direct') this.#tell({ kind: 'send-datagram', path, datagram })
  }

  #setPath(route: Path): void {
    this.#tell({ kind: 'set-path', peer: PEER, path: { route, mtu: MTU } })
  }

  #pathTo(remote: Endpoint): DirectPath {
    return { kind: 'direct', socket: SOCKET, remote }
  }

  #now(): Now {
    return this.#clock()
  }
}

function never(): never {
  throw new Error('a prefix')
}
