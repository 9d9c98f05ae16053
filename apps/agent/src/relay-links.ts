import { lookup } from 'node:dns/promises'
import {
  assertNever,
  type Clock,
  CoreRunner,
  type Endpoint,
  endpointOf,
  type IpAddress,
  type Logger,
  parseIp,
} from '@weft/base'
import type { NetmapRelay } from '@weft/coordinator-protocol'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import type { NodeId, PrivateKey } from '@weft/keys'
import { systemAlarm } from '@weft/linux'
import type { RelayStanding } from '@weft/node'
import { RelayClient, type RelayClientInput, type RelayClientOutput } from '@weft/relay-protocol'
import { RelaySocket } from './relay-socket.ts'

/** A node keeps a connection to so many relays: its home and others that peers may be reached by. */
const MAX_RELAYS = 3
/** The server of a relay answers STUN on its port and on the next. */
const STUN_PORTS = 2

/** Who is told what comes by the relays. */
interface RelayListener {
  onStanding(relay: NodeId, standing: RelayStanding | undefined): void
  onDatagram(relay: NodeId, from: NodeId, datagram: Uint8Array): void
  onAbsent(relay: NodeId, node: NodeId): void
  onStunServers(servers: readonly Endpoint[]): void
}

interface RelayLinksOptions {
  readonly chain: Uint8Array
  readonly identity: PrivateKey<'identity'>
  readonly clock: Clock
  readonly logger: Logger
  readonly listener: RelayListener
}

/** The connections to the relays that the netmap of one mesh tells. */
export class RelayLinks {
  readonly #options: RelayLinksOptions
  readonly #links = new Map<NodeId, RelayLink>()
  #told = ''

  constructor(options: RelayLinksOptions) {
    this.#options = options
  }

  /** Takes the relays as they are now. */
  update(relays: readonly NetmapRelay[]): void {
    const told = JSON.stringify(relays)
    if (told === this.#told) return
    this.#told = told
    const wanted = new Map(relays.slice(0, MAX_RELAYS).map((relay) => [relay.id, relay]))
    for (const [id, link] of this.#links) {
      if (wanted.has(id)) continue
      this.#links.delete(id)
      link.stop()
      this.#options.listener.onStanding(id, undefined)
    }
    for (const [id, { places }] of wanted) {
      const link = this.#links.get(id)
      if (link === undefined) this.#links.set(id, new RelayLink(id, places, this.#options))
      else link.setPlaces(places)
    }
    void this.#findStunServers([...wanted.values()], told)
  }

  send(relay: NodeId, to: NodeId, datagram: Uint8Array): void {
    this.#links.get(relay)?.send(to, datagram)
  }

  doubt(relay: NodeId): void {
    this.#links.get(relay)?.doubt()
  }

  /** The machine's addresses are these now. */
  networkChanged(addresses: ReadonlySet<string>): void {
    for (const link of this.#links.values()) link.networkChanged(addresses)
  }

  stop(): void {
    for (const link of this.#links.values()) link.stop()
    this.#links.clear()
    this.#told = ''
  }

  async #findStunServers(relays: readonly NetmapRelay[], told: string): Promise<void> {
    const found = await Promise.all(relays.map(stunServersOf))
    if (this.#told === told) this.#options.listener.onStunServers(found.flat())
  }
}

/** A `RelayClient` with its WebSockets. */
class RelayLink {
  readonly #id: NodeId
  readonly #options: RelayLinksOptions
  readonly #alarm = systemAlarm()
  readonly #runner: CoreRunner<RelayClientInput<string>, RelayClientOutput<string>>
  readonly #sockets = new Map<number, RelaySocket>()
  #state: RelayStanding['state'] | undefined

  constructor(id: NodeId, places: readonly string[], options: RelayLinksOptions) {
    this.#id = id
    this.#options = options
    const { chain, identity, clock } = options
    this.#runner = new CoreRunner<RelayClientInput<string>, RelayClientOutput<string>>({
      core: new RelayClient({ crypto: nativeCrypto, random: systemRandom, relay: id, places, chain, identity }),
      clock,
      alarm: this.#alarm,
      act: (output) => this.#act(output),
    })
    this.#runner.tell({ kind: 'start' })
  }

  setPlaces(places: readonly string[]): void {
    this.#runner.tell({ kind: 'places', places })
  }

  send(to: NodeId, datagram: Uint8Array): void {
    this.#runner.tell({ kind: 'send', to, datagram })
  }

  doubt(): void {
    this.#runner.tell({ kind: 'doubt' })
  }

  /** A connection from an address that is gone would be waited for in vain. */
  networkChanged(addresses: ReadonlySet<string>): void {
    for (const [connection, socket] of this.#sockets) {
      const local = parseIp(socket.localAddress ?? '')
      if (local === undefined || addresses.has(local)) continue
      socket.close()
      this.#sockets.delete(connection)
      this.#runner.tell({ kind: 'closed', connection, reason: 'the network changed' })
    }
    this.#runner.tell({ kind: 'doubt' })
  }

  stop(): void {
    this.#runner.tell({ kind: 'stop' })
    this.#alarm.set(undefined, () => undefined)
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #act(output: RelayClientOutput<string>): void {
    const { listener } = this.#options
    switch (output.kind) {
      case 'connect':
        this.#connect(output.connection, output.place)
        return
      case 'disconnect':
        this.#sockets.get(output.connection)?.close()
        this.#sockets.delete(output.connection)
        return
      case 'send':
        this.#sockets.get(output.connection)?.send(output.frame)
        return
      case 'datagram':
        listener.onDatagram(this.#id, output.from, output.datagram)
        return
      case 'absent':
        listener.onAbsent(this.#id, output.node)
        return
      case 'state':
        this.#onState(output)
        return
      default:
        assertNever(output)
    }
  }

  #onState(output: Extract<RelayClientOutput<string>, { kind: 'state' }>): void {
    const { listener, logger } = this.#options
    if (output.state !== this.#state) logger.info(`relay ${output.state}`, { relay: this.#id })
    this.#state = output.state
    if (output.state === 'away') listener.onStanding(this.#id, { state: 'away', reason: output.reason })
    else
      listener.onStanding(this.#id, {
        state: 'connected',
        ...(output.rttMs === undefined ? {} : { rttMs: output.rttMs }),
      })
  }

  #connect(connection: number, place: string): void {
    const socket = new RelaySocket(place, {
      onMessage: (message) => this.#runner.tell({ kind: 'received', connection, message }),
      onClose: (reason) => {
        this.#sockets.delete(connection)
        this.#runner.tell({ kind: 'closed', connection, reason })
      },
    })
    this.#sockets.set(connection, socket)
  }
}

/** Where the machines of a relay answer STUN, by all addresses that its URLs lead to. */
async function stunServersOf({ places, stunPort }: NetmapRelay): Promise<readonly Endpoint[]> {
  if (stunPort === undefined) return []
  const addresses = await Promise.all(places.map(addressesOf))
  const ports = Array.from({ length: STUN_PORTS }, (_, i) => stunPort + i).filter((port) => port <= 65_535)
  return [...new Set(addresses.flat())].flatMap((address) => ports.map((port) => endpointOf(address, port)))
}

async function addressesOf(place: string): Promise<readonly IpAddress[]> {
  const host = new URL(place).hostname.replace(/^\[(.*)\]$/, '$1')
  const literal = parseIp(host)
  if (literal !== undefined) return [literal]
  const found = await lookup(host, { all: true }).catch(() => [])
  return found.flatMap(({ address }) => parseIp(address) ?? [])
}
