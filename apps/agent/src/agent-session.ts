import {
  type Clock,
  type Duration,
  type Endpoint,
  type IpAddress,
  invariant,
  type Logger,
  type Prefix,
  toBase64,
  type WallTime,
} from '@weft/base'
import type { ClientMethod, Netmap, NetmapChange, Params, Result } from '@weft/coordinator-protocol'
import { systemRandom } from '@weft/crypto'
import type { DatapathReport } from '@weft/datapath'
import type { OpenNameServiceSetup } from '@weft/dns'
import type { MeshId, NodeId } from '@weft/keys'
import type { KnownPeer, NodeOutput, NodeStatus, PingOutcome, ProvenPeer, StoredPins, TrustOutcome } from '@weft/node'
import { AgentError, messageOf, removedError } from './agent-error.ts'
import type { AgentState, DeviceKeys, MembershipOnDisk } from './agent-state.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { KeyRotation, type Rotation, withoutFormerKeys } from './key-rotation.ts'
import type { LanAddress, OpenLan } from './lan-sockets.ts'
import { NameService, type NameServiceStatus } from './name-service.ts'
import { type NetcheckAnswer, whoAnswersHttp } from './netcheck.ts'
import { RelayLinks } from './relay-links.ts'
import { type NodeOwner, RunningNode } from './running-node.ts'
import type { TunnelDevice } from './tunnel-device.ts'

const DEFAULT_PORT = 7481
/** From the start of the node to addresses on its interface. */
const READY_TIMEOUT_MS = 15_000

export interface SessionOptions {
  readonly device: TunnelDevice
  /** As they are now. */
  readonly memberships: () => readonly MembershipOnDisk[]
  /** Connections that are there already, by mesh; the session has them from then on. */
  readonly connections: ReadonlyMap<MeshId, CoordinatorLink>
  /** Wanted by the user; otherwise the one that was got the last time. */
  readonly port: number | undefined
  readonly state: AgentState
  readonly clock: Clock
  readonly logger: Logger
  readonly localAddresses: () => readonly LanAddress[]
  readonly openLan: OpenLan | undefined
  readonly watchNetwork: (onChange: () => void, onLoss: () => void) => Disposable
  readonly openNameServiceSetup: OpenNameServiceSetup | undefined
  /** The node cannot go on. */
  readonly onFailed: (error: AgentError) => void
  readonly onNetmap: (mesh: MeshId, netmap: Netmap, known: readonly KnownPeer[]) => void
  readonly onPins: (mesh: MeshId, pins: StoredPins) => void
  readonly onKeys: (mesh: MeshId, device: DeviceKeys) => MembershipOnDisk
  readonly onTimestamp: (mesh: MeshId, bound: WallTime) => void
  readonly onRevocations: (mesh: MeshId, revocations: readonly Uint8Array[]) => void
  /** This device is one of that mesh no more. */
  readonly onRemoved: () => void
}

/** All that is open while weft is up: the interface with the node behind it, and a connection to each coordinator. */
export class AgentSession implements NodeOwner {
  readonly #options: SessionOptions
  readonly #node: RunningNode
  readonly #names: NameService
  readonly #coordinators = new Map<MeshId, CoordinatorLink>()
  readonly #relays = new Map<MeshId, RelayLinks>()
  readonly #rotations = new Map<MeshId, KeyRotation>()
  #isClosed = false
  /** Why pins could not be written the last time. */
  #unsaved: unknown
  /** Rejects where this device is one of the mesh no more. */
  readonly #removed: Promise<never>
  readonly #rejectRemoved: (error: AgentError) => void

  constructor(options: SessionOptions) {
    this.#options = options
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => undefined)
    this.#removed = promise
    this.#rejectRemoved = reject
    const { device, clock, logger, localAddresses, watchNetwork, openLan } = options
    this.#node = new RunningNode({ tunnel: device, owner: this, clock, logger, localAddresses, watchNetwork, openLan })
    this.#names = new NameService({
      directory: this.#node,
      deliver: (packet) => device.datapath.tell({ kind: 'deliver-packet', packet }),
      openSetup: options.openNameServiceSetup,
      clock,
      logger,
    })
  }

  start(): void {
    const { port, state, connections } = this.#options
    const memberships = this.#options.memberships()
    // The node says which relays to keep as soon as it has the netmap.
    for (const membership of memberships) this.#openRelays(membership)
    this.#node.start(port ?? state.port ?? DEFAULT_PORT, port !== undefined, memberships)
    for (const membership of memberships) {
      const { mesh } = membership
      this.#rotations.set(mesh, this.#rotationOf(mesh))
      this.#connect(membership, connections.get(mesh))
    }
  }

  /** Resolves when the interface has its addresses. Rejects with an `AgentError`. */
  async untilReady(signal: AbortSignal): Promise<void> {
    const { promise: given, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason)
    const timer = setTimeout(() => reject(this.#notReady()), READY_TIMEOUT_MS)
    signal.addEventListener('abort', onAbort)
    try {
      signal.throwIfAborted()
      await Promise.race([this.#node.ready, given, this.#removed])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  onReport(report: DatapathReport): void {
    if (report.kind === 'node-packet') this.#names.onPacket(report.packet)
    else this.#node.tell({ kind: 'report', report })
  }

  status(mesh: MeshId): NodeStatus | undefined {
    return this.#node.status(mesh)
  }

  /** What stands between this device and the others, asked anew, of the first mesh. */
  async netcheck(signal: AbortSignal): Promise<NetcheckAnswer> {
    const [membership] = this.#options.memberships()
    if (membership === undefined) throw new AgentError('not-joined', 'this device belongs to no mesh')
    const [http] = await Promise.all([whoAnswersHttp(membership.endpoints, signal), this.#node.askStun()])
    const status = this.#isClosed ? undefined : this.status(membership.mesh)
    if (status === undefined) throw new AgentError('down', 'weft was taken down')
    const { settled: _settled, ...network } = status.network
    const { relay, coordinator, self } = status
    const isConnected = coordinator.state === 'connected' || relay.state === 'connected'
    return {
      ...network,
      relay,
      addresses: self.endpoints,
      portal: http.from === 'portal',
      portalPage: http.from === 'portal' ? http.page : null,
      onlyHttp: http.from === 'coordinator' && !isConnected,
    }
  }

  /** A peer that proved itself. */
  peerCalled(text: string): ProvenPeer | undefined {
    return this.#node.peerCalled(text)
  }

  names(): NameServiceStatus | null {
    return this.#names.status()
  }

  drops(): Readonly<Record<string, number>> {
    return this.#node.drops()
  }

  ping(peer: string, timeout: Duration): Promise<PingOutcome> {
    return this.#node.ping(peer, timeout)
  }

  /** On disk when it resolves. @throws AgentError `not-saved`: it holds until the agent ends. */
  async trust(peer: string): Promise<TrustOutcome> {
    this.#unsaved = undefined
    const outcome = await this.#node.trust(peer)
    if (this.#unsaved === undefined) return outcome
    const why = messageOf(this.#unsaved)
    throw new AgentError('not-saved', `it holds only until the agent ends, for ${why}; then try again`, this.#unsaved)
  }

  /** Of the first mesh. */
  async request<M extends ClientMethod>(method: M, params: Params<M>): Promise<Result<M>> {
    const [coordinator] = this.#coordinators.values()
    if (coordinator === undefined) throw new AgentError('not-joined', 'this device belongs to no mesh')
    return await coordinator.request(method, params)
  }

  /** Of the first mesh. */
  async rotateKeys(): Promise<Rotation> {
    const [rotation] = this.#rotations.values()
    if (rotation === undefined) throw new AgentError('not-joined', 'this device belongs to no mesh')
    return await rotation.rotate()
  }

  reconnect(): void {
    for (const coordinator of this.#coordinators.values()) coordinator.networkChanged()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const coordinator of this.#coordinators.values()) coordinator.stop()
    for (const relays of this.#relays.values()) relays.stop()
    // First: what asks the mesh's resolver when the interface is gone waits for nothing.
    await this.#names.close()
    await this.#node.stop()
  }

  savePort(port: number): void {
    this.#options.state.savePort(port)
  }

  saveNetmap(mesh: MeshId, netmap: Netmap, known: readonly KnownPeer[]): void {
    this.#options.onNetmap(mesh, netmap, known)
    this.#options.state.saveNetmap(mesh, netmap, known)
  }

  savePins(mesh: MeshId, pins: StoredPins): void {
    this.#options.onPins(mesh, pins)
    try {
      this.#options.state.savePins(mesh, pins)
    } catch (error) {
      this.#unsaved = error
      this.#options.logger.error('pins not saved', { reason: messageOf(error) })
    }
  }

  /** Without it the node goes on, and is told again after the next start, where the coordinator is there. */
  saveRevocations(mesh: MeshId, revocations: readonly Uint8Array[]): void {
    this.#options.onRevocations(mesh, revocations)
    try {
      this.#options.state.saveRevocations(mesh, revocations)
    } catch (error) {
      this.#options.logger.error('revocations not saved', { reason: messageOf(error) })
    }
  }

  onRemoved(): void {
    this.#rejectRemoved(removedError())
    this.#options.onRemoved()
  }

  formerKeysOver(mesh: MeshId): void {
    this.#options.state.saveKeys(mesh, this.#options.onKeys(mesh, withoutFormerKeys(this.#membership(mesh))))
  }

  /** Without it the node goes on: the next whole netmap has it. */
  saveChange(mesh: MeshId, change: NetmapChange, options: { readonly isDurable: boolean }): void {
    try {
      this.#options.state.addNetmapChange(mesh, change, options)
    } catch (error) {
      this.#options.logger.warn('netmap change not saved', { reason: messageOf(error) })
    }
  }

  /** Without it the node goes on: it matters only where the clock is set back before the next start. */
  saveTimestamp(mesh: MeshId, bound: WallTime): void {
    this.#options.onTimestamp(mesh, bound)
    try {
      this.#options.state.saveTimestamp(mesh, bound)
    } catch (error) {
      this.#options.logger.warn('timestamp not saved', { reason: messageOf(error) })
    }
  }

  publish(mesh: MeshId, endpoints: readonly Endpoint[]): void {
    this.#coordinators
      .get(mesh)
      ?.request('publish', { endpoints })
      // On the next connection it is told again.
      .catch((error: unknown) => this.#options.logger.debug('endpoints not told', { reason: messageOf(error) }))
  }

  onConfigured(addresses: readonly Prefix[]): void {
    this.#names.configured(this.#options.device.name, addresses)
  }

  sendByRelay({ mesh, relay, to, run }: Extract<NodeOutput, { kind: 'send-by-relay' }>): void {
    this.#relays.get(mesh)?.send(relay, to, run)
  }

  keepRelays(mesh: MeshId, relays: readonly NodeId[]): void {
    this.#relays.get(mesh)?.keep(relays)
  }

  doubtRelay(mesh: MeshId, relay: NodeId): void {
    this.#relays.get(mesh)?.doubt(relay)
  }

  onNetworkChanged(addresses: readonly IpAddress[]): void {
    this.#options.logger.info('network changed')
    for (const relays of this.#relays.values()) relays.networkChanged(new Set(addresses))
    this.#names.networkChanged()
    this.reconnect()
  }

  onFailed(error: AgentError): void {
    this.#options.onFailed(error)
  }

  #connect(membership: MembershipOnDisk, present?: CoordinatorLink): void {
    const { mesh, keys, coordinatorKey, endpoints } = membership
    const { clock, logger } = this.#options
    const contact = { coordinatorKey, endpoints }
    const coordinator = present ?? new CoordinatorLink({ contact, channelKey: keys.channel, clock, logger })
    this.#coordinators.set(mesh, coordinator)
    coordinator.subscribe(membership, {
      onNetmap: (whole, change) => {
        this.#node.tell({ kind: 'netmap', mesh, netmap: whole, ...(change === undefined ? {} : { change }) })
        this.#relays.get(mesh)?.update(whole.relays ?? [])
        coordinator.setRelays(whole.relays ?? [])
      },
      onState: (state) => {
        this.#node.tell({ kind: 'coordinator-state', mesh, coordinator: state })
        if (state.state === 'connected') void this.#rotations.get(mesh)?.resume()
      },
      onRemoved: (revocation) => this.#node.tell({ kind: 'revocations', mesh, revocations: [revocation] }),
    })
    coordinator.setRelays(membership.netmap?.relays ?? [])
    if (present === undefined) coordinator.start()
  }

  #rotationOf(mesh: MeshId): KeyRotation {
    const { clock, logger, state, onKeys } = this.#options
    return new KeyRotation({
      clock,
      random: systemRandom,
      logger,
      device: () => this.#membership(mesh),
      keep: (device) => {
        state.saveKeys(mesh, device)
        const membership = onKeys(mesh, device)
        state.saveMembership(membership)
        this.#node.tell({ kind: 'own-keys', mesh, own: membership })
      },
      publish: async (record) => {
        const endpoints = this.status(mesh)?.self.endpoints ?? []
        return await this.#coordinator(mesh).request('publish', { endpoints, record: toBase64(record) })
      },
      reconnect: () => {
        this.#coordinator(mesh).stop()
        this.#connect(this.#membership(mesh))
      },
    })
  }

  #coordinator(mesh: MeshId): CoordinatorLink {
    const found = this.#coordinators.get(mesh)
    invariant(found !== undefined, 'every membership has its coordinator')
    return found
  }

  #membership(mesh: MeshId): MembershipOnDisk {
    const found = this.#options.memberships().find((each) => each.mesh === mesh)
    invariant(found !== undefined, 'a session is of memberships')
    return found
  }

  #openRelays({ mesh, chain, keys, netmap }: MembershipOnDisk): void {
    const { clock, logger } = this.#options
    const node = this.#node
    const relays = new RelayLinks({
      chain,
      identity: keys.identity,
      clock,
      logger,
      listener: {
        onStanding: (relay, standing) =>
          node.tell({ kind: 'relay-state', mesh, relay, ...(standing === undefined ? {} : { standing }) }),
        onDatagrams: (relay, from, run) => node.tell({ kind: 'came-by-relay', mesh, relay, from, run }),
        onAbsent: (relay, absent) => node.tell({ kind: 'relay-absent', mesh, relay, node: absent }),
        onStunServers: (servers) => node.tell({ kind: 'stun-servers', mesh, servers }),
      },
    })
    this.#relays.set(mesh, relays)
    relays.update(netmap?.relays ?? [])
  }

  #notReady(): AgentError {
    const [membership] = this.#options.memberships()
    const coordinator = membership && this.status(membership.mesh)?.coordinator
    if (coordinator?.state === 'connected')
      return new AgentError('coordinator-away', 'the coordinator tells no netmap: look at its log, and try again')
    return new AgentError(
      'coordinator-away',
      coordinator?.reason ?? 'the coordinator does not answer: check that it runs and that this machine can reach it',
    )
  }
}
