import {
  type DatagramRun,
  earliest,
  type Instant,
  type IpAddress,
  later,
  type Now,
  type Prefix,
  seconds,
  type WallTime,
} from '@weft/base'
import type { Netmap, NetmapChange } from '@weft/coordinator-protocol'
import type { Path, SessionReport } from '@weft/datapath'
import { type DeviceText, type MeshNames, readDeviceText, refersTo, resolverAddress } from '@weft/dns'
import type { FilterRule } from '@weft/filter'
import { meshPrefix, nodeAddress6 } from '@weft/identity'
import {
  type CryptoProvider,
  type MeshId,
  type NodeId,
  nodeIdOf,
  type PublicKey,
  rememberingSignatures,
} from '@weft/keys'
import { DepartedPeers } from './departed-peers.ts'
import { filterRules } from './filter-rules.ts'
import { type Found, findPeer } from './found-peer.ts'
import { KnownPeers } from './known-peers.ts'
import type { MembershipHost } from './membership-host.ts'
import { membershipStatus, type UnderlayStatus } from './membership-status.ts'
import { meshNames } from './mesh-names.ts'
import { type MeshOutputs, meshOutputs } from './mesh-outputs.ts'
import type { TrustOutcome } from './moved-places.ts'
import { type NetmapObjection, netmapObjection } from './netmap-objection.ts'
import { isLasting, NetmapSaving } from './netmap-saving.ts'
import { type CoordinatorState, isPast, type ProvenPeer } from './node-interface.ts'
import type { NodeStatus } from './node-status.ts'
import { nodeKeysOf, type OwnKeys, probeKeysOf, publicNodeKeysOf } from './own-keys.ts'
import { type Peer, provenPeer } from './peer.ts'
import { PeerChanges, type PeerChangesHost } from './peer-changes.ts'
import { PeerRoutes, type PeerRoutesHost } from './peer-routes.ts'
import { PeerTable, type TableSelf } from './peer-table.ts'
import { Places, type PlacesHost } from './places.ts'
import { Revocations, type RevocationsHost } from './revocations.ts'
import { rootKeyOf, type StoredMembership } from './stored-membership.ts'
import { Tunnels, type TunnelsHost } from './tunnels.ts'

/** How often chains are looked at for their end. */
const RECHECK_EVERY = seconds(60)

/**
 * The node's part in one mesh: own keys, netmap, verified peers, and the tunnels to them. It knows
 * nothing of other memberships; what they share (sockets, indices, the filter) is its host's.
 */
export class Membership {
  readonly mesh: MeshId
  readonly id: NodeId
  readonly address6: IpAddress
  readonly prefix6: Prefix
  readonly peers: PeerTable
  readonly places: Places
  coordinator: CoordinatorState | undefined
  /** How many peers a netmap last took away, and when. */
  loss: { readonly peers: number; readonly at: WallTime } | undefined
  /** As last told to the coordinator on this connection. */
  published: string | undefined
  readonly #host: MembershipHost
  readonly #outputs: MeshOutputs
  readonly #verifier: CryptoProvider
  #own: OwnKeys
  #nodeKeys: readonly PublicKey<'node'>[]
  readonly #rootKey: PublicKey<'root'>
  readonly #known: KnownPeers
  readonly #departed = new DepartedPeers()
  readonly #revocations: Revocations
  readonly routes: PeerRoutes
  readonly tunnels: Tunnels
  #netmap: Netmap | undefined
  /** As last told, taken or not for want of the user's agreement. */
  #offered: Netmap | undefined
  /** Why the latest netmap was refused; then a change does not lead from the one that is held. */
  #objection: NetmapObjection | undefined
  #now: Now
  #recheckAt: Instant
  readonly #saving = new NetmapSaving()

  /** @throws IdentityError where the stored chain is none; an invariant's where it is of another mesh. */
  constructor(stored: StoredMembership, host: MembershipHost, now: Now) {
    const { crypto } = host
    const identityKey = stored.keys.identity.publicKey(crypto)
    this.mesh = stored.mesh
    this.id = nodeIdOf(identityKey, crypto)
    this.#own = stored
    this.#nodeKeys = publicNodeKeysOf(stored, crypto)
    this.#rootKey = rootKeyOf(stored, crypto)
    this.address6 = nodeAddress6(this.#rootKey, identityKey, crypto)
    this.prefix6 = meshPrefix(this.#rootKey, crypto)
    this.#host = host
    this.#outputs = meshOutputs(stored.mesh, host.emit)
    this.#verifier = rememberingSignatures(crypto)
    this.#known = new KnownPeers(stored.known, crypto)
    this.peers = new PeerTable(new PeerChanges(this, this.#changesHost()))
    this.places = new Places(stored.pins, this.#placesHost())
    this.routes = new PeerRoutes(this.#routesHost(), { id: this.id, probeKeys: probeKeysOf(stored) }, now)
    this.tunnels = new Tunnels(this.#tunnelsHost(), {
      privateKeys: nodeKeysOf(stored),
      latestTimestamp: stored.latestTimestamp,
    })
    this.#now = now
    this.#recheckAt = later(now.instant, RECHECK_EVERY)
    this.#revocations = new Revocations(stored, this.#revocationsHost(), now.wall)
    this.#revocations.take(stored.netmap?.revocations ?? [], now.wall)
    if (this.#revocations.isOwn) host.emit({ kind: 'removed', mesh: this.mesh })
    else if (stored.netmap !== undefined) this.#apply(stored.netmap, undefined)
    this.#releaseRevoked()
    this.places.save()
  }

  get netmap(): Netmap | undefined {
    return this.#netmap
  }

  get objection(): NetmapObjection | undefined {
    return this.#objection
  }

  /** Own addresses; none before the first netmap. */
  get addresses(): readonly IpAddress[] {
    return this.#netmap === undefined ? [] : [this.#netmap.self.address4, this.address6]
  }

  /** What is routed to this mesh. */
  get prefixes(): readonly Prefix[] {
    return this.#netmap === undefined ? [this.prefix6] : [this.#netmap.mesh.range, this.prefix6]
  }

  /** Where this machine asks for names; nowhere before the first netmap. */
  get resolvers(): readonly IpAddress[] {
    return this.#netmap === undefined ? [] : this.prefixes.map(resolverAddress)
  }

  /** What there is to be known of names here; nothing before the first netmap. */
  names(): MeshNames | undefined {
    return this.#netmap === undefined ? undefined : meshNames(this, this.#netmap)
  }

  filterRules(): FilterRule[] {
    return filterRules(this.#netmap?.grants ?? [], this.peers.peers(), this.addresses)
  }

  /** All that peers may know this node by. */
  get nodeKeys(): readonly PublicKey<'node'>[] {
    return this.#nodeKeys
  }

  /** The keys are being replaced: sessions and paths stay. */
  setOwnKeys(own: OwnKeys, now: Now): void {
    this.#own = own
    this.#nodeKeys = publicNodeKeysOf(own, this.#host.crypto)
    this.tunnels.setOwnKeys(nodeKeysOf(own), now)
    this.routes.setOwnKeys(probeKeysOf(own))
    this.#host.onLocalKeysChanged()
  }

  onNetmap(netmap: Netmap, change: NetmapChange | undefined, now: Now): void {
    // Whatever else is wrong with it: what was signed is true.
    if (change === undefined || change.revocations !== undefined || this.#objection !== undefined)
      this.onRevocations([...(netmap.revocations ?? []), ...(change?.revocations ?? [])], now)
    this.#now = now
    const leadsOn = change !== undefined && this.#objection === undefined
    const lasts = leadsOn && isLasting(change, (id) => this.peers.byId(id)?.claim)
    if (this.#revocations.isOwn || !this.#apply(netmap, change)) return
    this.#releaseRevoked()
    if (!leadsOn) this.#saving.onWhole(now.instant)
    else if (this.#saving.onChange(change, netmap.peers.length, now.instant)) {
      if (lasts) this.places.save()
      this.#host.emit({ kind: 'save-change', mesh: this.mesh, change, isLasting: lasts })
    }
    if (isPast(this.#saving.dueAt, now.instant)) this.save(now)
  }

  onRevocations(texts: readonly string[], now: Now): void {
    this.#now = now
    if (!this.#revocations.isOwn && this.#revocations.take(texts, now.wall)) this.#onRevoked()
  }

  onRelayed(from: NodeId, relay: NodeId, run: DatagramRun, now: Now): void {
    this.#now = now
    if (this.peers.byId(from) === undefined) this.#host.countDrop('unknown-datagram')
    else this.routes.onRelayed(relay, run, now)
  }

  /** What the fast path sealed for the peer, whose path is by the relay. */
  sendRelayed(index: Peer['index'], relay: NodeId, run: DatagramRun): void {
    const peer = this.peers.at(index)
    if (peer !== undefined) this.routes.sendByRelay(peer, relay, run)
  }

  onHandshake(message: Uint8Array, path: Path, now: Now): void {
    this.tunnels.onHandshake(message, path, now)
  }

  onReport(report: SessionReport, now: Now): void {
    this.tunnels.onReport(report, now)
  }

  /** The machine's network is another: what was reached by it is reached anew. */
  onNetworkChanged(now: Now): void {
    this.routes.onNetworkChanged(now)
    for (const peer of this.peers.peers()) this.tunnels.renew(peer, now)
  }

  wake(now: Now): void {
    this.#now = now
    this.tunnels.wake(now)
    this.routes.wake(now)
    if (isPast(this.#saving.dueAt, now.instant)) this.save(now)
    if (!isPast(this.#recheckAt, now.instant)) return
    this.#recheckAt = later(now.instant, RECHECK_EVERY)
    this.#forgetFormerKeys(now)
    if (this.#revocations.retry(this.#netmap?.revocations ?? [], now.wall)) this.#onRevoked()
    const self = this.#self()
    if (self !== undefined) this.peers.recheck(now.wall, self)
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.tunnels.nextTimeout(), this.routes.nextTimeout(), this.#recheckAt, this.#saving.dueAt)
  }

  /** The user agrees to what the coordinator says of the peer. */
  trust(peer: string, now: Now): TrustOutcome {
    this.#now = now
    const meant = this.#read(peer)
    return meant === undefined ? { kind: 'unknown-peer' } : this.places.trust(meant)
  }

  /** The peer that somebody means. */
  find(text: string): Found | undefined {
    const meant = this.#read(text)
    return meant && findPeer(meant, this)
  }

  /** One that is there, or left and was not revoked. */
  proven(text: string): ProvenPeer | undefined {
    const found = this.find(text)
    if (found !== undefined) return 'peer' in found ? provenPeer(found.peer) : undefined
    const meant = this.#read(text)
    return meant && this.#departed.find(meant)
  }

  /** Whether the text means this node itself. */
  isSelf(text: string): boolean {
    const meant = this.#read(text)
    const { id, addresses } = this
    return meant !== undefined && refersTo(meant, { id, name: this.#netmap?.self.name, addresses })
  }

  status(underlay: UnderlayStatus, now: Now): NodeStatus {
    return membershipStatus(this, this.#host.meters, underlay, now)
  }

  /** Writes the whole where it is not what was written last. */
  save(now: Now): void {
    if (!this.#saving.isOld || this.#netmap === undefined) return
    this.#saving.saved(now.instant)
    this.places.save()
    this.#host.emit({ kind: 'save-netmap', mesh: this.mesh, netmap: this.#netmap, known: this.#known.all() })
  }

  /** All peers leave the fast path. */
  close(now: Now): void {
    this.#now = now
    this.save(now)
    this.peers.clear()
  }

  #apply(netmap: Netmap, change: NetmapChange | undefined): boolean {
    const { mesh, id, places } = this
    const own = { mesh, rootKey: this.#rootKey, id, places, domain: this.#netmap?.mesh.domain }
    const objection = netmapObjection(netmap, own)
    if (objection === undefined || objection === 'self-address-pinned') this.#offered = netmap
    if (objection !== undefined) {
      this.#objection = objection
      this.#outputs.log('error', 'netmap refused', { reason: objection })
      return false
    }
    this.#netmap = netmap
    this.places.onSelf(netmap.self)
    this.routes.setRelays(netmap.relays?.map(({ id }) => id) ?? [], this.#now)
    const self = this.#selfIn(netmap)
    const isWhole = change === undefined || this.#objection !== undefined
    if (isWhole) this.peers.applyWhole(netmap.peers, self)
    else this.peers.apply(change.upsert, change.remove, self)
    this.#objection = undefined
    // A change of who is there, or of what one has proved, has told so already.
    if (isWhole || change.self !== undefined || change.grants !== undefined) this.#host.onShapeChanged()
    else this.#host.onChanged()
    return true
  }

  #read(text: string): DeviceText | undefined {
    return readDeviceText(text, this.#netmap?.mesh.domain)
  }

  #forgetFormerKeys(now: Now): void {
    const { former, ...own } = this.#own
    if (former === undefined || now.wall < former.until) return
    this.setOwnKeys(own, now)
    this.#host.emit({ kind: 'former-keys-over', mesh: this.mesh })
  }

  #self(): TableSelf | undefined {
    return this.#netmap === undefined ? undefined : this.#selfIn(this.#netmap)
  }

  #selfIn(netmap: Netmap): TableSelf {
    return {
      id: this.id,
      nodeKeys: this.nodeKeys,
      addresses: [netmap.self.address4, this.address6],
      range: netmap.mesh.range,
    }
  }

  #changesHost(): PeerChangesHost {
    return {
      ...this.#host,
      ...this.#outputs,
      rootKey: this.#rootKey,
      known: this.#known,
      verifier: this.#verifier,
      departed: this.#departed,
      now: () => this.#now,
      isRevoked: ({ keys }) => this.#revocations.of(keys) !== undefined,
    }
  }

  #tunnelsHost(): TunnelsHost {
    return { ...this.#host, ...this.#outputs, peerAt: (index) => this.peers.at(index), routes: this.routes }
  }

  #routesHost(): PeerRoutesHost {
    return {
      ...this.#host,
      ...this.#outputs,
      peerAt: (index) => this.peers.at(index),
      use: (peer, path, mtu) => this.tunnels.usePath(peer, path, mtu),
    }
  }

  #placesHost(): PlacesHost {
    return {
      id: this.id,
      peers: this.peers,
      wall: () => this.#now.wall,
      self: () => this.#netmap?.self,
      offered: () => this.#offered?.self,
      onDecided: () => this.#onPlacesDecided(),
      save: (pins) => this.#host.emit({ kind: 'save-pins', mesh: this.mesh, pins }),
      log: this.#outputs.log,
    }
  }

  #revocationsHost(): RevocationsHost {
    return {
      crypto: this.#verifier,
      save: (revocations) => this.#host.emit({ kind: 'save-revocations', mesh: this.mesh, revocations }),
      countDrop: (reason) => this.#host.countDrop(reason),
      log: this.#outputs.log,
    }
  }

  #onPlacesDecided(): void {
    const held = this.#objection === 'self-address-pinned' ? this.#offered : undefined
    if (held !== undefined && this.#apply(held, undefined)) this.#saving.onWhole(this.#now.instant)
    const self = this.#self()
    if (self !== undefined) this.peers.reconsider(self)
    this.#host.onShapeChanged()
  }

  /** Of those whose chains are at hand: by an account, only what is under it is revoked. */
  #releaseRevoked(): void {
    const revoked = [...this.peers.refused()].filter(({ reason }) => reason === 'revoked')
    if (revoked.length > 0) this.places.release(new Set(revoked.map(({ claim }) => claim.id)))
  }

  #onRevoked(): void {
    if (this.#revocations.isOwn) this.#onRemovedFromMesh()
    const self = this.#self()
    if (self !== undefined) this.peers.reconsider(self)
    this.#releaseRevoked()
  }

  #onRemovedFromMesh(): void {
    this.#outputs.log('warn', 'removed from the mesh', {})
    this.peers.clear()
    this.#host.emit({ kind: 'removed', mesh: this.mesh })
  }
}
