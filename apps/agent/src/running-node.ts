import {
  assertNever,
  type Clock,
  CoreRunner,
  type Duration,
  type Endpoint,
  type Instant,
  type IpAddress,
  type Logger,
  type Prefix,
  type WallTime,
} from '@weft/base'
import type { Netmap, NetmapChange } from '@weft/coordinator-protocol'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import type { MeshNames } from '@weft/dns'
import type { MeshId, NodeId } from '@weft/keys'
import { systemAlarm } from '@weft/linux'
import {
  type InterfaceSettings,
  type KnownPeer,
  Node,
  type NodeInput,
  type NodeOutput,
  type NodeStatus,
  type PingOutcome,
  type ProvenPeer,
  type StoredMembership,
  type StoredPins,
  type TrustOutcome,
} from '@weft/node'
import { AgentError, messageOf } from './agent-error.ts'
import type { Lan, LanAddress, OpenLan } from './lan-sockets.ts'
import type { TunnelDevice } from './tunnel-device.ts'

const HEARTBEAT_EVERY_MS = 1_000
/** Beats that come later than this tell that the machine slept. */
const SLEPT_MS = 10_000

/** What a running node asks of the rest of the agent. */
export interface NodeOwner {
  savePort(port: number): void
  saveNetmap(mesh: MeshId, netmap: Netmap, known: readonly KnownPeer[]): void
  savePins(mesh: MeshId, pins: StoredPins): void
  /** All that are known of the mesh. */
  saveRevocations(mesh: MeshId, revocations: readonly Uint8Array[]): void
  /** This device was removed from the mesh. */
  onRemoved(mesh: MeshId): void
  saveChange(mesh: MeshId, change: NetmapChange, options: { readonly isDurable: boolean }): void
  /** On disk when it returns. */
  saveTimestamp(mesh: MeshId, bound: WallTime): void
  /** Nobody is spoken to by the keys before the last rotation any more. */
  formerKeysOver(mesh: MeshId): void
  publish(mesh: MeshId, endpoints: readonly Endpoint[]): void
  sendByRelay(output: Extract<NodeOutput, { kind: 'send-by-relay' }>): void
  doubtRelay(mesh: MeshId, relay: NodeId): void
  keepRelays(mesh: MeshId, relays: readonly NodeId[]): void
  /** The machine's network is another: other addresses, another way out, or it slept. */
  onNetworkChanged(addresses: readonly IpAddress[]): void
  /** The interface has what the node wants it to have, with these addresses: not of IPv6 where the machine has none. */
  onConfigured(addresses: readonly Prefix[]): void
  /** The node cannot go on. */
  onFailed(error: AgentError): void
}

/** A `Node` with its fast path: moves what the one tells to the other, with heartbeat and the machine's addresses. */
export class RunningNode {
  /** The interface has its addresses. Rejects where the node fails before. */
  readonly ready: Promise<void>
  readonly #tunnel: TunnelDevice
  readonly #owner: NodeOwner
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #node: Node
  readonly #runner: CoreRunner<NodeInput, NodeOutput>
  readonly #localAddresses: () => readonly LanAddress[]
  readonly #lan: Lan | undefined
  readonly #alarm = systemAlarm()
  readonly #timer: NodeJS.Timeout
  readonly #watch: Disposable
  #beatAt: Instant | undefined
  #settings: InterfaceSettings | undefined
  /** Of what the interface was given something is gone. */
  #hasLoss = false
  /** Since the last beat. */
  #isRestored = false
  readonly #pings = new Map<number, (outcome: PingOutcome) => void>()
  readonly #stunAwaited: (() => void)[] = []
  readonly #trusts = new Map<number, (outcome: TrustOutcome) => void>()
  readonly #becameReady: () => void
  readonly #failed: (error: AgentError) => void
  #addresses: readonly IpAddress[] | undefined
  #nextToken = 0
  #isStopped = false

  constructor(options: {
    readonly tunnel: TunnelDevice
    readonly owner: NodeOwner
    readonly logger: Logger
    readonly clock: Clock
    /** All addresses of the machine but those of weft's interface. */
    readonly localAddresses: () => readonly LanAddress[]
    readonly openLan: OpenLan | undefined
    /** `onLoss`: weft's interface lost an address or a route. */
    readonly watchNetwork: (onChange: () => void, onLoss: () => void) => Disposable
  }) {
    this.#tunnel = options.tunnel
    this.#owner = options.owner
    this.#logger = options.logger
    this.#clock = options.clock
    this.#localAddresses = options.localAddresses
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    // Whoever waits for it hears of it; a failure later on goes to the owner.
    promise.catch(() => undefined)
    this.#becameReady = resolve
    this.#failed = reject
    const { datapath } = options.tunnel
    this.#node = new Node({ crypto: nativeCrypto, random: systemRandom, meters: datapath })
    this.#runner = new CoreRunner<NodeInput, NodeOutput>({
      core: this.#node,
      clock: options.clock,
      alarm: this.#alarm,
      act: (output) => this.#act(output),
    })
    this.#lan = options.openLan?.((datagram) => this.tell({ kind: 'came-on-lan', datagram }), options.logger)
    datapath.beat()
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT_EVERY_MS)
    this.#watch = options.watchNetwork(
      () => this.#onNetworkNews(),
      () => this.#onLoss(),
    )
  }

  start(port: number, isFixed: boolean, memberships: readonly StoredMembership[]): void {
    this.#tellAddresses(this.#readAddresses() ?? [])
    for (const membership of memberships) this.tell({ kind: 'membership-added', membership })
    this.tell({ kind: 'start', port, isFixed })
  }

  tell(input: NodeInput): void {
    if (!this.#isStopped) this.#runner.tell(input)
  }

  /** Asks anew how the node looks from outside; resolves when all answers have come or are given up, or it was stopped. */
  askStun(): Promise<void> {
    return new Promise((resolve) => {
      this.#stunAwaited.push(resolve)
      this.tell({ kind: 'ask-stun' })
    })
  }

  /** What the resolver answers from. */
  names(): readonly MeshNames[] {
    return this.#node.names()
  }

  peerCalled(text: string): ProvenPeer | undefined {
    return this.#node.peerCalled(text)
  }

  status(mesh: MeshId): NodeStatus | undefined {
    return this.#node.status(this.#clock(), mesh)
  }

  /** What fast path and node did without, by reason; what never happened is left out. */
  drops(): Readonly<Record<string, number>> {
    const counts = new Map<string, number>()
    for (const [reason, count] of [
      ...Object.entries(this.#tunnel.datapath.drops()),
      ...Object.entries(this.#node.drops()),
    ])
      if (count > 0) counts.set(reason, (counts.get(reason) ?? 0) + count)
    return Object.fromEntries(counts)
  }

  ping(peer: string, timeout: Duration): Promise<PingOutcome> {
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#pings.set(token, resolve)
      this.tell({ kind: 'ping', token, peer, timeout })
    })
  }

  trust(peer: string): Promise<TrustOutcome> {
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#trusts.set(token, resolve)
      this.tell({ kind: 'trust', token, peer })
    })
  }

  /** Saves, closes the sockets and takes the interface away. */
  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.tell({ kind: 'stop' })
      this.#isStopped = true
      this.#alarm.set(undefined, () => undefined)
      clearInterval(this.#timer)
      this.#watch[Symbol.dispose]()
      this.#lan?.close()
      this.#failed(new AgentError('down', 'weft was taken down'))
      for (const resolve of this.#stunAwaited.splice(0)) resolve()
    }
    await this.#tunnel.close()
  }

  #act(output: NodeOutput): void {
    try {
      this.#carryOut(output)
    } catch (error) {
      this.#onFailed(error instanceof AgentError ? error : new AgentError('failed', messageOf(error), error))
    }
  }

  #carryOut(output: NodeOutput): void {
    switch (output.kind) {
      case 'datapath':
        this.#tunnel.datapath.tell(output.command)
        return
      case 'configure-interface':
        this.#configure(output.settings)
        return
      case 'publish':
        this.#owner.publish(output.mesh, output.endpoints)
        return
      case 'send-by-relay':
        this.#owner.sendByRelay(output)
        return
      case 'send-on-lan':
        this.#lan?.send(output.datagram)
        return
      case 'keep-relays':
        this.#owner.keepRelays(output.mesh, output.relays)
        return
      case 'doubt-relay':
        this.#owner.doubtRelay(output.mesh, output.relay)
        return
      case 'save-netmap':
        this.#owner.saveNetmap(output.mesh, output.netmap, output.known)
        return
      case 'save-pins':
        this.#owner.savePins(output.mesh, output.pins)
        return
      case 'save-revocations':
        this.#owner.saveRevocations(output.mesh, output.revocations)
        return
      case 'removed':
        this.#owner.onRemoved(output.mesh)
        return
      case 'save-change':
        this.#owner.saveChange(output.mesh, output.change, { isDurable: output.isLasting })
        return
      case 'save-timestamp':
        this.#owner.saveTimestamp(output.mesh, output.bound)
        return
      case 'former-keys-over':
        this.#owner.formerKeysOver(output.mesh)
        return
      case 'save-port':
        this.#owner.savePort(output.port)
        return
      case 'ping-answer':
        this.#pings.get(output.token)?.(output.outcome)
        this.#pings.delete(output.token)
        return
      case 'stun-settled':
        for (const resolve of this.#stunAwaited.splice(0)) resolve()
        return
      case 'trust-answer':
        this.#trusts.get(output.token)?.(output.outcome)
        this.#trusts.delete(output.token)
        return
      case 'log':
        this.#logger[output.level](output.event, output.fields)
        return
      case 'failed':
        throw new AgentError(output.code, output.reason)
      default:
        assertNever(output)
    }
  }

  #configure(settings: InterfaceSettings): void {
    this.#settings = settings
    const leftOut = this.#tunnel.configure(settings)
    if (leftOut.length > 0) this.#logger.warn('no IPv6 on this machine', { addressesLeftOut: leftOut.length })
    if (settings.addresses.length === 0) return
    this.#becameReady()
    this.#owner.onConfigured(settings.addresses.filter((address) => !leftOut.includes(address)))
  }

  #onFailed(error: AgentError): void {
    if (this.#isStopped) return
    this.#failed(error)
    this.#owner.onFailed(error)
  }

  #beat(): void {
    this.#tunnel.datapath.beat()
    const { instant } = this.#clock()
    const slept = this.#beatAt !== undefined && instant - this.#beatAt > SLEPT_MS
    this.#beatAt = instant
    if (slept) this.#onNetworkNews()
    this.#isRestored = false
    if (this.#hasLoss) this.#restore()
  }

  /** NetworkManager takes away routes that it did not make when it is told of a resolver. Nobody is fought more often than at every beat. */
  #onLoss(): void {
    this.#hasLoss = true
    if (!this.#isRestored) this.#restore()
  }

  #restore(): void {
    this.#hasLoss = false
    this.#isRestored = true
    if (this.#settings === undefined) return
    try {
      this.#tunnel.configure(this.#settings)
      this.#logger.debug('interface restored')
    } catch (error) {
      this.#logger.warn('interface not restored', { reason: messageOf(error) })
    }
  }

  #onNetworkNews(): void {
    if (this.#isStopped) return
    const addresses = this.#readAddresses() ?? this.#addresses ?? []
    // Connections from addresses that are gone are given up first, so that nothing is sent into them.
    this.#owner.onNetworkChanged(addresses)
    if (!this.#tellAddresses(addresses)) this.tell({ kind: 'network-changed' })
  }

  /** Whether they are others than before. */
  #tellAddresses(addresses: readonly IpAddress[]): boolean {
    if (addresses.join() === this.#addresses?.join()) return false
    this.#addresses = addresses
    this.tell({ kind: 'local-addresses', addresses })
    return true
  }

  #readAddresses(): readonly IpAddress[] | undefined {
    try {
      const addresses = this.#localAddresses()
      this.#lan?.setAddresses(addresses)
      return addresses.map(({ address }) => address).sort()
    } catch (error) {
      this.#logger.warn('local addresses unknown', { reason: messageOf(error) })
      return undefined
    }
  }
}
