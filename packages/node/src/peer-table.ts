import { type IpAddress, type Prefix, prefixContains, type WallTime } from '@weft/base'
import type { NetmapPeer } from '@weft/coordinator-protocol'
import { resolverAddress } from '@weft/dns'
import type { NodeId, PublicKey } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import { Peer } from './peer.ts'
import type { RefusalReason, Verification, VerifiedIdentity } from './peer-verification.ts'

/** A peer of the netmap that gets no tunnel, kept aside to be shown and to be looked at again. */
export interface RefusedPeer {
  readonly claim: NetmapPeer
  readonly reason: RefusalReason
  /** Where its signatures hold, but its place is another's. */
  readonly identity?: VerifiedIdentity
}

/** Told as the table changes, in order. */
export interface PeerTableHooks {
  verify(claim: NetmapPeer): Verification
  /** Whether its address was seen with another device, for whom it is kept. */
  isPinnedElsewhere(claim: NetmapPeer): boolean
  isRevoked(identity: VerifiedIdentity): boolean
  takeIndex(): PeerIndex | undefined
  added(peer: Peer): void
  removed(peer: Peer): void
  /** So many that had a tunnel are in the netmap no more. */
  left(count: number): void
  /** It has other keys now, and is the same peer. */
  rekeyed(peer: Peer): void
  /** It has another address than `before`, or is of another account. */
  readdressed(peer: Peer, before: IpAddress): void
  endpointsChanged(peer: Peer): void
  refused(refused: RefusedPeer): void
  /** `before`: what it was called until now, where it was there. */
  named(peer: Peer, before?: string): void
}

export interface TableSelf {
  readonly id: NodeId
  /** All that peers may know this node by. */
  readonly nodeKeys: readonly PublicKey<'node'>[]
  readonly addresses: readonly IpAddress[]
  readonly range: Prefix
}

/**
 * The peers of one mesh. Every peer that the netmap claims is either verified, with a place of its own (id, node key,
 * IPv4 address), or refused for a reason. Who holds a place keeps it until it leaves; a second claimant is refused.
 */
export class PeerTable {
  readonly #hooks: PeerTableHooks
  readonly #verified = new Map<NodeId, Peer>()
  /** Somebody left a place that another may wait for. */
  #isPlaceFree = false
  #lastPlace = ''
  readonly #refused = new Map<NodeId, RefusedPeer>()
  readonly #byIndex = new Map<PeerIndex, Peer>()
  readonly #byAddress = new Map<IpAddress, Peer>()
  readonly #byNodeKey = new Map<PublicKey<'node'>, Peer>()

  constructor(hooks: PeerTableHooks) {
    this.#hooks = hooks
  }

  peers(): Iterable<Peer> {
    return this.#verified.values()
  }

  refused(): Iterable<RefusedPeer> {
    return this.#refused.values()
  }

  at(index: PeerIndex): Peer | undefined {
    return this.#byIndex.get(index)
  }

  byId(id: string): Peer | undefined {
    return this.#verified.get(id as NodeId)
  }

  /** Takes what the netmap says of some peers. */
  apply(claims: readonly NetmapPeer[], gone: readonly NodeId[], self: TableSelf): void {
    const left = gone.filter((id) => this.#verified.has(id)).length
    for (const id of gone) this.#remove(id)
    if (left > 0) this.#hooks.left(left)
    for (const claim of claims) this.#place(claim, self)
    this.#yieldTo(self)
    this.#retryRefused(self)
  }

  /** Takes what the netmap says of all peers: those it does not name leave. */
  applyWhole(claims: readonly NetmapPeer[], self: TableSelf): void {
    const named = new Set(claims.map(({ id }) => id))
    const gone = [...this.#verified.keys(), ...this.#refused.keys()].filter((id) => !named.has(id))
    this.apply(claims, gone, self)
  }

  /** Time has passed: some chains have come to their end, others begin to hold. */
  recheck(at: WallTime, self: TableSelf): void {
    for (const peer of [...this.#verified.values()]) {
      if (peer.identity.notAfter < at) this.#settle(peer.claim, this.#hooks.verify(peer.claim), self)
    }
    for (const { claim, identity } of [...this.#refused.values()]) {
      if (identity === undefined) this.#settle(claim, this.#hooks.verify(claim), self)
    }
    this.#retryRefused(self)
  }

  /** Whose a place is was decided anew. */
  reconsider(self: TableSelf): void {
    for (const { claim } of [...this.#verified.values()]) this.#place(claim, self)
    this.#isPlaceFree = true
    this.#retryRefused(self)
  }

  clear(): void {
    for (const id of [...this.#verified.keys()]) this.#remove(id)
    this.#refused.clear()
  }

  #place(claim: NetmapPeer, self: TableSelf): void {
    const known = this.#verified.get(claim.id)?.identity ?? this.#refused.get(claim.id)?.identity
    const isSame = known !== undefined && known.record === claim.record && known.chain === claim.chain
    this.#settle(claim, isSame ? { kind: 'verified', identity: known } : this.#hooks.verify(claim), self)
  }

  #settle(claim: NetmapPeer, verification: Verification, self: TableSelf): void {
    if (verification.kind === 'refused') {
      this.#refuse({ claim, reason: verification.reason })
      return
    }
    const { identity } = verification
    const reason = this.#objection(claim, identity, self)
    const peer = this.#verified.get(claim.id)
    if (reason !== undefined) this.#refuse({ claim, reason, identity })
    else if (peer === undefined) this.#add(claim, identity)
    else this.#update(peer, claim, identity)
  }

  /** This node may have been given an address that a peer had. */
  #yieldTo(self: TableSelf): void {
    for (const address of self.addresses) {
      const peer = this.#byAddress.get(address)
      if (peer !== undefined) this.#place(peer.claim, self)
    }
  }

  /** One peer's place may be what another waits for, so it goes on as long as somebody gets one. */
  #retryRefused(self: TableSelf): void {
    const place = `${self.addresses} ${self.range} ${self.nodeKeys}`
    if (!this.#isPlaceFree && place === this.#lastPlace) return
    this.#lastPlace = place
    for (let before = -1; before !== this.#refused.size; ) {
      before = this.#refused.size
      for (const { claim, identity } of [...this.#refused.values()]) {
        if (identity !== undefined) this.#place(claim, self)
      }
    }
    this.#isPlaceFree = false
  }

  #objection(claim: NetmapPeer, identity: VerifiedIdentity, self: TableSelf): RefusalReason | undefined {
    if (this.#hooks.isRevoked(identity)) return 'revoked'
    if (identity.id === self.id || self.nodeKeys.includes(identity.nodeKey)) return 'is-self'
    if (self.addresses.includes(claim.address4)) return 'is-self'
    if (!prefixContains(self.range, claim.address4)) return 'address-outside-range'
    if (claim.address4 === resolverAddress(self.range)) return 'address-taken'
    if (this.#hooks.isPinnedElsewhere(claim)) return 'address-pinned'
    if (isOther(this.#byAddress.get(claim.address4), claim)) return 'address-taken'
    if (isOther(this.#byNodeKey.get(identity.nodeKey), claim)) return 'node-key-taken'
    return undefined
  }

  #add(claim: NetmapPeer, identity: VerifiedIdentity): void {
    this.#remove(claim.id)
    const index = this.#hooks.takeIndex()
    if (index === undefined) {
      this.#refuse({ claim, reason: 'too-many-peers', identity })
      return
    }
    const peer = new Peer(index, identity, claim)
    this.#verified.set(claim.id, peer)
    this.#byIndex.set(index, peer)
    this.#byNodeKey.set(identity.nodeKey, peer)
    for (const address of peer.addresses) this.#byAddress.set(address, peer)
    this.#hooks.added(peer)
    this.#hooks.named(peer)
  }

  #update(peer: Peer, claim: NetmapPeer, identity: VerifiedIdentity): void {
    const before = peer.claim
    const { account, nodeKey, probeKey } = peer.identity
    if (before.address4 !== claim.address4 || nodeKey !== identity.nodeKey) this.#isPlaceFree = true
    for (const address of peer.addresses) this.#byAddress.delete(address)
    this.#byNodeKey.delete(nodeKey)
    peer.become(claim, identity)
    for (const address of peer.addresses) this.#byAddress.set(address, peer)
    this.#byNodeKey.set(identity.nodeKey, peer)
    if (nodeKey !== identity.nodeKey || probeKey !== identity.probeKey) this.#hooks.rekeyed(peer)
    if (before.address4 !== claim.address4 || account !== identity.account)
      this.#hooks.readdressed(peer, before.address4)
    if (before.name !== claim.name) this.#hooks.named(peer, before.name)
    if (before.endpoints.join() !== claim.endpoints.join()) this.#hooks.endpointsChanged(peer)
  }

  #refuse(refused: RefusedPeer): void {
    const { id } = refused.claim
    const before = this.#refused.get(id)
    this.#removeVerified(id)
    this.#refused.set(id, refused)
    if (before?.reason !== refused.reason) this.#hooks.refused(refused)
  }

  #remove(id: NodeId): void {
    this.#refused.delete(id)
    this.#removeVerified(id)
  }

  #removeVerified(id: NodeId): void {
    const peer = this.#verified.get(id)
    if (peer === undefined) return
    this.#isPlaceFree = true
    this.#verified.delete(id)
    this.#byIndex.delete(peer.index)
    this.#byNodeKey.delete(peer.identity.nodeKey)
    for (const address of peer.addresses) this.#byAddress.delete(address)
    this.#hooks.removed(peer)
  }
}

const isOther = (holder: Peer | undefined, claim: NetmapPeer): boolean =>
  holder !== undefined && holder.identity.id !== claim.id
