import { lookup } from 'node:dns/promises'
import {
  between,
  type Clock,
  type DatagramRun,
  type Endpoint,
  endpointOf,
  type Instant,
  type IpAddress,
  type Logger,
  parseIp,
  seconds,
} from '@weft/base'
import type { NetmapRelay } from '@weft/coordinator-protocol'
import type { NodeId, PrivateKey } from '@weft/keys'
import type { RelayStanding } from '@weft/node'
import { RelayLink } from '@weft/relay/link'
import type { RelayClientState } from '@weft/relay-protocol'

/** The server of a relay answers STUN on its port and on the next. */
const STUN_PORTS = 2
/** Relays whose STUN is asked: two tell what a NAT does, and one more may be away. */
const STUN_RELAYS = 3
/** A relay that goes away and comes back, for the same reason, is said again after so long. */
const SAY_AGAIN = seconds(600)
const MAX_REASONS = 8

/** Who is told what comes by the relays. */
interface RelayListener {
  onStanding(relay: NodeId, standing: RelayStanding | undefined): void
  onDatagrams(relay: NodeId, from: NodeId, run: DatagramRun): void
  onAbsent(relay: NodeId, node: NodeId): void
  onStunServers(servers: readonly Endpoint[]): void
}

/** What people were told of a relay. */
interface Said {
  state: RelayStanding['state'] | undefined
  /** Whether they know that it is away, or was. */
  isSaid: boolean
  /** Why it was away, and when that was said. */
  readonly reasons: Map<string, Instant>
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
  readonly #said = new Map<NodeId, Said>()
  #known: ReadonlyMap<NodeId, NetmapRelay> = new Map()
  #kept: ReadonlySet<NodeId> = new Set()
  #told = ''

  constructor(options: RelayLinksOptions) {
    this.#options = options
  }

  /** Takes the relays as they are now. */
  update(relays: readonly NetmapRelay[]): void {
    const told = JSON.stringify(relays)
    if (told === this.#told) return
    this.#told = told
    this.#known = new Map(relays.map((relay) => [relay.id, relay]))
    this.#connect()
    void this.#findStunServers(relays.slice(0, STUN_RELAYS), told)
  }

  /** Those of them to which connections are to be kept, or made; as the node chooses. */
  keep(relays: readonly NodeId[]): void {
    this.#kept = new Set(relays)
    this.#connect()
  }

  #connect(): void {
    for (const [id, link] of this.#links) {
      if (this.#known.has(id) && this.#kept.has(id)) continue
      this.#links.delete(id)
      this.#said.delete(id)
      link.stop()
      this.#options.listener.onStanding(id, undefined)
    }
    for (const [id, { places }] of this.#known) {
      if (!this.#kept.has(id)) continue
      const link = this.#links.get(id)
      if (link === undefined) this.#links.set(id, this.#open(id, places))
      else link.setPlaces(places)
    }
  }

  send(relay: NodeId, to: NodeId, run: DatagramRun): void {
    this.#links.get(relay)?.send(to, run)
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

  #open(relay: NodeId, places: readonly string[]): RelayLink {
    const { chain, identity, clock, listener } = this.#options
    return new RelayLink({
      relay,
      places,
      visitor: { kind: 'member', chain, identity },
      clock,
      listener: {
        onState: (state) => this.#onState(relay, state),
        onDatagrams: (from, run) => listener.onDatagrams(relay, from, run),
        onAbsent: (node) => listener.onAbsent(relay, node),
      },
    })
  }

  #onState(relay: NodeId, state: RelayClientState): void {
    const { listener } = this.#options
    this.#say(relay, state)
    if (state.state === 'away') listener.onStanding(relay, { state: 'away', reason: state.reason })
    else
      listener.onStanding(relay, {
        state: 'connected',
        ...(state.rttMs === undefined ? {} : { rttMs: state.rttMs }),
      })
  }

  /** Each change, and each reason; but what comes again and again only now and then. */
  #say(relay: NodeId, state: RelayClientState): void {
    const { logger, clock } = this.#options
    const said = this.#said.get(relay) ?? { state: undefined, isSaid: true, reasons: new Map<string, Instant>() }
    this.#said.set(relay, said)
    const isChange = said.state !== state.state
    said.state = state.state
    if (state.state === 'connected') {
      if (isChange && said.isSaid) logger.info('relay connected', { relay })
      return
    }
    const isNew = isNews(said.reasons, state.reason, clock().instant)
    said.isSaid = isNew || (said.isSaid && !isChange)
    if (isNew) logger.info('relay away', { relay, reason: state.reason })
  }

  async #findStunServers(relays: readonly NetmapRelay[], told: string): Promise<void> {
    const found = await Promise.all(relays.map(stunServersOf))
    if (this.#told === told) this.#options.listener.onStunServers(found.flat())
  }
}

function isNews(reasons: Map<string, Instant>, reason: string, now: Instant): boolean {
  const before = reasons.get(reason)
  if (before !== undefined && between(before, now) < SAY_AGAIN) return false
  reasons.set(reason, now)
  const [oldest] = reasons.keys()
  if (reasons.size > MAX_REASONS && oldest !== undefined) reasons.delete(oldest)
  return true
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
