import {
  assertNever,
  type Core,
  type Endpoint,
  earliest,
  familyOf,
  type Instant,
  type IpAddress,
  instant,
  type Now,
  type Prefix,
  type Random,
} from '@weft/base'
import type { DatapathCommand, DatapathReport, DirectPath, PeerMeters } from '@weft/datapath'
import type { MeshNames } from '@weft/dns'
import type { CryptoProvider, MeshId } from '@weft/keys'
import { isStun, probeSender } from '@weft/traversal'
import { ReceiverIndices } from '@weft/wireguard'
import { LocalKeys } from './local-keys.ts'
import { Membership } from './membership.ts'
import type { MembershipHost } from './membership-host.ts'
import type { NodeDropReason, NodeInput, NodeOutput, ProvenPeer } from './node-interface.ts'
import type { NodeStatus } from './node-status.ts'
import { OwnEndpoints } from './own-endpoints.ts'
import { PeerIndices } from './peer-indices.ts'
import { Pings } from './pings.ts'
import { SharedSettings } from './shared-settings.ts'
import type { StoredMembership } from './stored-membership.ts'
import { UnderlaySockets } from './underlay-sockets.ts'

type TrustInput = Extract<NodeInput, { kind: 'trust' }>
type PingInput = Extract<NodeInput, { kind: 'ping' }>

/**
 * Everything a node does, without I/O: it is told by the fast path, the coordinators and the machine what happened, and
 * answers what to do. It programs the fast path and sees no packet of an established session.
 *
 * A node has a membership for each mesh it belongs to. They share the underlay sockets, the numbers of peers and
 * sessions, the filter and the interface; nothing else.
 */
export class Node implements Core<NodeInput, NodeOutput> {
  readonly #host: MembershipHost
  readonly #memberships = new Map<MeshId, Membership>()
  readonly #sockets: UnderlaySockets
  readonly #pings: Pings
  readonly #localKeys = new LocalKeys()
  readonly #endpoints: OwnEndpoints
  readonly #settings: SharedSettings
  readonly #receiverIndices: ReceiverIndices
  readonly #outputs: NodeOutput[] = []
  readonly #drops = new Map<NodeDropReason, number>()
  #now: Now | undefined
  #isShapeChanged = false
  #names: readonly MeshNames[] | undefined

  constructor(options: { readonly crypto: CryptoProvider; readonly random: Random; readonly meters: PeerMeters }) {
    const emit = (output: NodeOutput) => void this.#outputs.push(output)
    this.#sockets = new UnderlaySockets(emit, options.random)
    this.#pings = new Pings(emit, options.random)
    this.#receiverIndices = new ReceiverIndices(options.random)
    this.#settings = new SharedSettings(emit)
    this.#endpoints = new OwnEndpoints({
      random: options.random,
      sockets: this.#sockets,
      emit,
      meshPrefixes: () => this.#meshPrefixes(),
    })
    this.#host = {
      ...options,
      emit,
      indices: new PeerIndices(),
      takeReceiverIndex: () => this.#receiverIndices.take(this.#instant()),
      underlay: this.#sockets,
      meshPrefixes: () => this.#meshPrefixes(),
      ownEndpoints: () => this.#endpoints.all(),
      refreshEndpoints: () => this.#endpoints.reflexive.refresh(this.#instant()),
      sendOnLan: (datagram) => emit({ kind: 'send-on-lan', datagram }),
      seenAs: (observed, by) => this.#seenAs(observed, by),
      countDrop: (reason) => this.#countDrop(reason),
      onLocalKeysChanged: () => this.#tellLocalKeys(),
      onChanged: () => {
        this.#names = undefined
      },
      onShapeChanged: () => {
        this.#isShapeChanged = true
        this.#names = undefined
      },
    }
  }

  handle(input: NodeInput, now: Now): void {
    this.#now = now
    this.#take(input, now)
    this.#tellChanges()
  }

  wake(now: Now): void {
    this.#now = now
    this.#pings.wake(now.instant)
    this.#endpoints.reflexive.wake(now.instant)
    for (const membership of this.#memberships.values()) membership.wake(now)
    this.#tellChanges()
  }

  poll(): NodeOutput | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return earliest(
      this.#pings.nextTimeout(),
      this.#endpoints.reflexive.nextTimeout(),
      ...[...this.#memberships.values()].map((each) => each.nextTimeout()),
    )
  }

  /** The membership of that mesh as it stands, or of the only one. */
  status(now: Now, mesh?: MeshId): NodeStatus | undefined {
    const membership = mesh === undefined ? [...this.#memberships.values()][0] : this.#memberships.get(mesh)
    const { port } = this.#sockets
    const underlay = { port, endpoints: this.#endpoints.all(), network: this.#endpoints.network() }
    return membership?.status(underlay, now)
  }

  /** The peer that somebody means, where it proved itself: one of now, or one that left and was not revoked. */
  peerCalled(text: string): ProvenPeer | undefined {
    const memberships = [...this.#memberships.values()]
    return memberships.map((membership) => membership.proven(text)).find((each) => each !== undefined)
  }

  /** The names of all meshes; the same array until one of them changes. */
  names(): readonly MeshNames[] {
    this.#names ??= [...this.#memberships.values()].flatMap((membership) => membership.names() ?? [])
    return this.#names
  }

  /** What came up from the fast path and went no further, since the start; what never happened is left out. */
  drops(): Readonly<Partial<Record<NodeDropReason, number>>> {
    return Object.fromEntries(this.#drops)
  }

  #take(input: NodeInput, now: Now): void {
    switch (input.kind) {
      case 'start':
        this.#pings.start()
        this.#sockets.open(input.port, input.isFixed)
        return
      case 'membership-added':
        this.#add(input.membership, now)
        return
      case 'own-keys':
        this.#memberships.get(input.mesh)?.setOwnKeys(input.own, now)
        return
      case 'membership-removed':
        this.#remove(input.mesh, now)
        return
      case 'netmap':
        this.#memberships.get(input.mesh)?.onNetmap(input.netmap, input.change, now)
        return
      case 'revocations':
        this.#memberships.get(input.mesh)?.onRevocations(input.revocations, now)
        return
      case 'coordinator-state':
        this.#onCoordinatorState(input)
        return
      case 'local-addresses':
        this.#onLocalAddresses(input.addresses, now)
        return
      case 'ask-stun':
        this.#endpoints.askStun(now.instant)
        return
      case 'network-changed':
        this.#onNetworkChanged(now)
        return
      case 'relay-state':
        this.#memberships.get(input.mesh)?.routes.setRelay(input.relay, input.standing, now)
        return
      case 'came-by-relay':
        this.#memberships.get(input.mesh)?.onRelayed(input.from, input.relay, input.run, now)
        return
      case 'came-on-lan':
        this.#onDatagram(input.datagram, undefined, now)
        return
      case 'relay-absent':
        this.#memberships.get(input.mesh)?.routes.onAbsent(input.relay, input.node, now)
        return
      case 'stun-servers':
        this.#endpoints.setStunServers(input.mesh, input.servers, now.instant)
        return
      case 'report':
        this.#onReport(input.report, now)
        return
      case 'ping':
        this.#ping(input, now)
        return
      case 'trust':
        this.#trust(input, now)
        return
      case 'stop':
        this.#stop(now)
        return
      default:
        assertNever(input)
    }
  }

  #onReport(report: DatapathReport, now: Now): void {
    switch (report.kind) {
      case 'socket-opened':
      case 'socket-failed':
        if (this.#sockets.onReport(report)) this.#onListening(now)
        return
      case 'handshake':
        for (const membership of this.#membershipsOf(report.localKey))
          membership.onHandshake(report.message, report.path, now)
        return
      case 'session-wanted':
      case 'rekey-due':
      case 'session-confirmed':
      case 'activity':
        for (const membership of this.#memberships.values()) membership.onReport(report, now)
        return
      case 'echo':
        this.#pings.onEcho(report)
        return
      case 'failed':
        this.#emit({ kind: 'failed', code: 'datapath-failed', reason: report.reason })
        return
      case 'datagram':
        this.#onDatagram(report.datagram, report.path, now)
        return
      case 'relayed':
        for (const membership of this.#memberships.values())
          membership.sendRelayed(report.peer, report.relay, report.run)
        return
      case 'mark-set':
      case 'mark-refused':
      case 'flow':
      case 'node-packet':
      case 'path-changed':
        return
      default:
        assertNever(report)
    }
  }

  #onDatagram(datagram: Uint8Array, path: DirectPath | undefined, now: Now): void {
    const sender = probeSender(datagram)
    if (sender !== undefined) {
      const membership = [...this.#memberships.values()].find(({ routes }) => routes.knows(sender))
      if (membership === undefined) this.#countDrop('probe-unknown-sender')
      else membership.routes.onProbe(datagram, path, now)
    } else if (path !== undefined && isStun(datagram)) this.#onStun(datagram, path.remote, now)
    else this.#countDrop('unknown-datagram')
  }

  #onStun(datagram: Uint8Array, from: Endpoint, now: Now): void {
    const heard = this.#endpoints.reflexive.onDatagram(datagram, from)
    if (heard === 'unasked') this.#countDrop('stun-unasked')
    if (heard !== 'changed') return
    for (const { routes } of this.#memberships.values()) routes.onOwnEndpoints(now)
    this.#publish()
  }

  #seenAs(observed: Endpoint, by: Endpoint): void {
    if (this.#now === undefined || !this.#endpoints.reflexive.onObserved(observed, by)) return
    for (const { routes } of this.#memberships.values()) routes.onOwnEndpoints(this.#now)
    this.#publish()
  }

  #countDrop(reason: NodeDropReason): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1)
  }

  /** Local keys are counted as they were told; a cookie reply is for nobody's key, and may be for any. */
  #membershipsOf(localKey: number): readonly Membership[] {
    if (localKey < 0) return [...this.#memberships.values()]
    const owner = this.#localKeys.ownerOf(localKey)
    return owner === undefined ? [] : [owner]
  }

  #add(stored: StoredMembership, now: Now): void {
    this.#remove(stored.mesh, now)
    this.#memberships.set(stored.mesh, new Membership(stored, this.#host, now))
    this.#tellLocalKeys()
    this.#host.onShapeChanged()
  }

  #remove(mesh: MeshId, now: Now): void {
    const membership = this.#memberships.get(mesh)
    if (membership === undefined) return
    membership.close(now)
    this.#memberships.delete(mesh)
    this.#tellLocalKeys()
    this.#host.onShapeChanged()
  }

  #onCoordinatorState(input: Extract<NodeInput, { kind: 'coordinator-state' }>): void {
    const membership = this.#memberships.get(input.mesh)
    if (membership === undefined) return
    membership.coordinator = input.coordinator
    // What was told on an earlier connection may not have arrived.
    if (input.coordinator.state !== 'connected') membership.published = undefined
    this.#publish()
  }

  #onLocalAddresses(addresses: readonly IpAddress[], now: Now): void {
    if (!this.#endpoints.setLocalAddresses(addresses)) return
    this.#onNetworkChanged(now)
    this.#publish()
  }

  #onNetworkChanged(now: Now): void {
    this.#endpoints.reflexive.ask(now.instant)
    for (const membership of this.#memberships.values()) membership.onNetworkChanged(now)
  }

  #onListening(now: Now): void {
    this.#isShapeChanged = true
    this.#endpoints.reflexive.ask(now.instant)
    this.#publish()
  }

  #publish(): void {
    const endpoints = this.#endpoints.stable()
    if (this.#sockets.port === undefined) return
    for (const membership of this.#memberships.values()) {
      if (membership.coordinator?.state !== 'connected' || membership.published === endpoints.join()) continue
      membership.published = endpoints.join()
      this.#emit({ kind: 'publish', mesh: membership.mesh, endpoints })
    }
  }

  #ping({ token, peer: text, timeout }: PingInput, now: Now): void {
    for (const membership of this.#memberships.values()) {
      const found = membership.find(text)
      if (found === undefined) continue
      if ('withheld' in found) {
        this.#emit({ kind: 'ping-answer', token, outcome: { kind: 'name-pinned' } })
        return
      }
      if ('refused' in found) {
        const { reason } = found.refused
        this.#emit({ kind: 'ping-answer', token, outcome: { kind: 'refused-peer', reason } })
        return
      }
      const destination = found.address
      const source = membership.addresses.find((own) => familyOf(own) === familyOf(destination))
      if (source !== undefined) this.#pings.send({ token, peer: found.peer, source, destination }, timeout, now)
      return
    }
    const isSelf = [...this.#memberships.values()].some((membership) => membership.isSelf(text))
    this.#emit({ kind: 'ping-answer', token, outcome: { kind: isSelf ? 'self' : 'unknown-peer' } })
  }

  #trust({ token, peer }: TrustInput, now: Now): void {
    const outcomes = [...this.#memberships.values()].map((membership) => membership.trust(peer, now))
    const outcome = outcomes.find(({ kind }) => kind !== 'unknown-peer') ?? { kind: 'unknown-peer' }
    this.#emit({ kind: 'trust-answer', token, outcome })
  }

  #stop(now: Now): void {
    this.#pings.stop()
    for (const membership of this.#memberships.values()) membership.save(now)
    this.#sockets.close()
  }

  /** Filter and interface are everyone's, so they are told at the end of an input, once. */
  #tellChanges(): void {
    this.#endpoints.tellSettled()
    if (!this.#isShapeChanged) return
    this.#isShapeChanged = false
    const memberships = [...this.#memberships.values()]
    this.#settings.tellFilter(memberships)
    this.#settings.tellResolvers(memberships)
    this.#endpoints.tellCollisions()
    if (this.#sockets.port !== undefined) this.#settings.tellInterface(memberships)
    this.#publish()
  }

  #tellLocalKeys(): void {
    this.#command(this.#localKeys.commandFor(this.#memberships.values()))
  }

  #meshPrefixes(): readonly Prefix[] {
    return [...this.#memberships.values()].flatMap(({ prefixes }) => prefixes)
  }

  #instant(): Instant {
    return this.#now?.instant ?? instant(0)
  }

  #command(command: DatapathCommand): void {
    this.#emit({ kind: 'datapath', command })
  }

  #emit(output: NodeOutput): void {
    this.#outputs.push(output)
  }
}
