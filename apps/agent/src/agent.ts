import { hostname } from 'node:os'
import { type Clock, type Duration, invariant, type Logger } from '@weft/base'
import type { ClientMethod, Params, Result } from '@weft/coordinator-protocol'
import { nativeCrypto } from '@weft/crypto'
import type { OpenNameServiceSetup } from '@weft/dns'
import type { JoinLink } from '@weft/identity'
import type { MeshId } from '@weft/keys'
import { INTERFACE_MTU, isRemoved, type PingOutcome, type ProvenPeer, type TrustOutcome } from '@weft/node'
import { AgentError, removedError, unknownPeerError } from './agent-error.ts'
import { AgentSession } from './agent-session.ts'
import { type AgentState, type DeviceKeys, type MembershipOnDisk, withKeys } from './agent-state.ts'
import { type AgentStatus, agentStatus } from './agent-status.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { HeldRoot } from './held-root.ts'
import { joinMesh, parseJoinLink } from './joining.ts'
import type { Rotation } from './key-rotation.ts'
import type { LanAddress, OpenLan } from './lan-sockets.ts'
import type { NetcheckAnswer } from './netcheck.ts'
import type { OpenTunnel } from './tunnel-device.ts'

/** What the agent touches the machine by. */
export interface AgentDrivers {
  readonly openTunnel: OpenTunnel
  readonly clock: Clock
  /** Absent: the machine's own resolver is left alone. */
  readonly openNameServiceSetup?: OpenNameServiceSetup
  /** All addresses of the machine but those of the interface of that name. */
  localAddresses(except: string): readonly LanAddress[]
  /** Absent: nothing is said on LANs. */
  readonly openLan?: OpenLan
  /** Tells when addresses, routes or links change, and of weft's own interface only what it lost, until it is disposed of. */
  watchNetwork(onChange: () => void, own: { readonly name: string; readonly onLoss: () => void }): Disposable
}

interface AgentSettings {
  readonly tun: string
  readonly port?: number
  readonly endsOnDown: boolean
}

export interface AgentOptions {
  readonly state: AgentState
  readonly settings: AgentSettings
  readonly drivers: AgentDrivers
  readonly logger: Logger
}

/**
 * The agent's doings: `up` and `down` one after the other, never two at once; what fails leaves everything as it was.
 *
 * down: nothing is open, the interface does not exist · up: a `AgentSession` · ended: for good, `done` tells how.
 */
export class Agent {
  /** Settles when the agent has ended; rejects where it had to. */
  readonly done: Promise<void>
  readonly #options: AgentOptions
  readonly #ending = new AbortController()
  readonly #settle: { readonly resolve: () => void; readonly reject: (error: AgentError) => void }
  #memberships: readonly MembershipOnDisk[]
  #isRemoved: boolean
  #session: AgentSession | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws {StateError} {AgentError} where a membership cannot be read. */
  constructor(options: AgentOptions) {
    this.#options = options
    this.#memberships = options.state.readMemberships()
    this.#isRemoved = this.#memberships.some((each) => isRemoved(each, nativeCrypto))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    promise.catch(() => undefined)
    this.#settle = { resolve, reject }
  }

  /** Goes up again where it was up when it ended. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isRemoved) return
      if (this.#options.state.isUp && this.#memberships.length > 0) this.#session = await this.#open(undefined)
    })
  }

  status(): AgentStatus {
    const [membership] = this.#memberships
    return agentStatus(membership, membership && this.#session?.status(membership.mesh), {
      isRemoved: this.#isRemoved,
      drops: this.#session?.drops(),
      names: this.#session?.names(),
      holdsRoot: membership !== undefined && this.root.isHere,
    })
  }

  /** Of the first mesh. @throws {AgentError} `not-joined`. */
  get root(): HeldRoot {
    const [membership] = this.#memberships
    if (membership === undefined) throw notJoined()
    return new HeldRoot(this.#options.state, membership.mesh, this.#options.drivers.clock)
  }

  /** Made here where this device holds the root key, else by the coordinator. */
  async createLink(wish: Params<'link-create'>): Promise<Result<'link-create'>> {
    if (!this.root.isHere) return await this.request('link-create', wish)
    return await this.root.createLink(wish, (method, params) => this.request(method, params))
  }

  /** Signed here where this device holds the root key, for then the coordinator cannot; else by the coordinator. */
  async remove(device: string): Promise<Result<'remove'>> {
    const peer = this.root.isHere ? this.#running().peerCalled(device) : undefined
    if (peer === undefined) return await this.request('remove', { device })
    const { chain, ...removed } = peer
    await this.root.revoke(chain, (method, params) => this.request(method, params))
    return { ...removed, revoked: true }
  }

  /** What a revocation of the device is made for, elsewhere. @throws {AgentError} `unknown-peer`. */
  device(text: string): ProvenPeer {
    const peer = this.#running().peerCalled(text)
    if (peer === undefined) throw unknownPeerError(text)
    return peer
  }

  up(linkText: string | undefined): Promise<Pick<AgentStatus, 'self'>> {
    return this.#inTurn(async () => {
      const link = linkText === undefined ? undefined : parseJoinLink(linkText)
      this.#checkMayGoUp(link)
      if (this.#session === undefined) await this.#goUp(link)
      else await this.#reconnect(this.#session)
      return { self: this.status().self }
    })
  }

  down(): Promise<{ readonly ends: boolean }> {
    return this.#inTurn(async () => {
      this.#options.state.saveUp(false)
      await this.#closeSession()
      const ends = this.#options.settings.endsOnDown
      // The answer goes out first: whoever ends the agent closes the socket that it goes over.
      if (ends) setImmediate(() => this.#settle.resolve())
      return { ends }
    })
  }

  async ping(peer: string, timeout: Duration): Promise<PingOutcome> {
    return await this.#running().ping(peer, timeout)
  }

  async trust(peer: string): Promise<TrustOutcome> {
    return await this.#running().trust(peer)
  }

  async netcheck(signal: AbortSignal): Promise<NetcheckAnswer> {
    return await this.#running().netcheck(signal)
  }

  /** Replaces all keys of this device but its identity. */
  rotateKeys(): Promise<Rotation> {
    return this.#inTurn(() => this.#running().rotateKeys())
  }

  /** Asks the coordinator, in the name of this device's account. */
  async request<M extends ClientMethod>(method: M, params: Params<M>): Promise<Result<M>> {
    return await this.#running().request(method, params)
  }

  /** Ends all; the interface goes, what is stored stays. Who waits for something is told the reason. Harmless when called again. */
  async close(reason: unknown = new AgentError('closing', 'the agent is ending')): Promise<void> {
    this.#ending.abort(reason)
    await this.#turn.catch(() => undefined)
    await this.#closeSession()
    this.#settle.resolve()
  }

  #checkMayGoUp(link: JoinLink | undefined): void {
    const [member] = this.#memberships
    if (link === undefined && member === undefined) throw notJoined()
    if (link === undefined && this.#isRemoved) throw removedError()
    if (this.#isRemoved) return
    if (link === undefined || member === undefined) return
    const name = this.status().self?.name ?? member.name
    if (member.mesh === link.mesh)
      throw new AgentError(
        'already-joined',
        `this device is in that mesh already, as ${name}; to reconnect, leave the link away: weft up`,
      )
    throw new AgentError(
      'other-mesh',
      `this device is in another mesh already, as ${name}; a device joins one mesh: use another --state DIR`,
    )
  }

  async #reconnect(session: AgentSession): Promise<void> {
    session.reconnect()
    await session.untilReady(this.#ending.signal)
    this.#options.state.saveUp(true)
  }

  /** The interface is made first: where that is not permitted, no link is used up. */
  async #goUp(link: JoinLink | undefined): Promise<void> {
    const session = await this.#open(link)
    try {
      await session.untilReady(this.#ending.signal)
      this.#options.state.saveUp(true)
      this.#session = session
    } catch (error) {
      await session.close()
      throw error
    }
  }

  async #open(link: JoinLink | undefined): Promise<AgentSession> {
    const { state, settings, drivers, logger } = this.#options
    let session: AgentSession | undefined
    const device = await drivers.openTunnel({
      name: settings.tun,
      mtu: INTERFACE_MTU,
      onReport: (report) => session?.onReport(report),
    })
    const connections = new Map<MeshId, CoordinatorLink>()
    try {
      if (link !== undefined) connections.set(link.mesh, await this.#join(link))
      session = new AgentSession({
        device,
        memberships: () => this.#memberships,
        connections,
        port: settings.port,
        state,
        clock: drivers.clock,
        logger,
        localAddresses: () => drivers.localAddresses(device.name),
        openLan: drivers.openLan,
        watchNetwork: (onChange, onLoss) => drivers.watchNetwork(onChange, { name: device.name, onLoss }),
        openNameServiceSetup: drivers.openNameServiceSetup,
        onFailed: (error) => this.#onFailed(error),
        onNetmap: (mesh, netmap, known) => this.#keep(mesh, { netmap, known }),
        onPins: (mesh, pins) => this.#keep(mesh, { pins }),
        onKeys: (mesh, device) => this.#rekey(mesh, device),
        onTimestamp: (mesh, latestTimestamp) => this.#keep(mesh, { latestTimestamp }),
        onRevocations: (mesh, revocations) => this.#keep(mesh, { revocations }),
        onRemoved: () => this.#onRemoved(),
      })
      session.start()
      return session
    } catch (error) {
      for (const connection of connections.values()) connection.stop()
      await device.close()
      throw error
    }
  }

  async #join(link: JoinLink): Promise<CoordinatorLink> {
    const { state, drivers, logger } = this.#options
    // Only a device that was removed joins again: as another one, with keys of its own.
    for (const { mesh } of this.#memberships) state.removeMembership(mesh)
    this.#memberships = []
    this.#isRemoved = false
    const { membership, coordinator } = await joinMesh({
      link,
      state,
      hostName: hostname(),
      clock: drivers.clock,
      logger,
      signal: this.#ending.signal,
    })
    this.#memberships = [...this.#memberships, membership]
    return coordinator
  }

  /** Before it was ready, whoever waits for that is told; afterwards the agent ends. */
  #onFailed(error: AgentError): void {
    if (this.#session === undefined) return
    this.#options.logger.error('node failed', { code: error.code })
    this.#ending.abort(error)
    this.#settle.reject(error)
  }

  /** There is nothing left to be up for; the agent stays, so that it can be asked why. */
  #onRemoved(): void {
    this.#options.logger.warn('this device was removed from the mesh')
    this.#isRemoved = true
    this.#inTurn(async () => {
      if (!this.#isRemoved) return
      this.#options.state.saveUp(false)
      await this.#closeSession()
    }).catch(() => undefined)
  }

  #keep(
    mesh: MeshId,
    latest: Partial<Pick<MembershipOnDisk, 'netmap' | 'known' | 'pins' | 'latestTimestamp' | 'revocations'>>,
  ): void {
    this.#memberships = this.#memberships.map((each) => (each.mesh === mesh ? { ...each, ...latest } : each))
  }

  #rekey(mesh: MeshId, device: DeviceKeys): MembershipOnDisk {
    const before = this.#memberships.find((each) => each.mesh === mesh)
    invariant(before !== undefined, 'only what is here has keys')
    const membership = withKeys(before, device)
    this.#memberships = this.#memberships.map((each) => (each === before ? membership : each))
    return membership
  }

  #running(): AgentSession {
    if (this.#session !== undefined) return this.#session
    if (this.#memberships.length === 0) throw notJoined()
    if (this.#isRemoved) throw removedError()
    throw new AgentError('down', 'weft is down; bring it up with: sudo weft up')
  }

  async #closeSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      this.#ending.signal.throwIfAborted()
      return work()
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

const notJoined = (): AgentError =>
  new AgentError('not-joined', 'this device belongs to no mesh yet; join one with a link: sudo weft up LINK')
