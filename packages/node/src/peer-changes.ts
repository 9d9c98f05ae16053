import type { IpAddress, Now } from '@weft/base'
import type { NetmapPeer } from '@weft/coordinator-protocol'
import type { CryptoProvider, PublicKey } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import type { DepartedPeers } from './departed-peers.ts'
import type { KnownPeers } from './known-peers.ts'
import type { Membership } from './membership.ts'
import type { MembershipHost } from './membership-host.ts'
import type { MeshOutputs } from './mesh-outputs.ts'
import type { Peer } from './peer.ts'
import type { PeerTableHooks, RefusedPeer } from './peer-table.ts'
import { type Verification, type VerifiedIdentity, verifyPeer } from './peer-verification.ts'

export interface PeerChangesHost
  extends Pick<MembershipHost, 'indices' | 'onShapeChanged'>,
    Pick<MeshOutputs, 'command' | 'log'> {
  readonly rootKey: PublicKey<'root'>
  readonly known: KnownPeers
  readonly verifier: CryptoProvider
  readonly departed: DepartedPeers
  now(): Now
  isRevoked(identity: VerifiedIdentity): boolean
}

/** What follows where peers come, change and leave: in the fast path, in tunnels and paths, and for whose a place is. */
export class PeerChanges implements PeerTableHooks {
  readonly #membership: Membership
  readonly #host: PeerChangesHost

  constructor(membership: Membership, host: PeerChangesHost) {
    this.#membership = membership
    this.#host = host
  }

  verify(claim: NetmapPeer): Verification {
    const { rootKey, known, verifier: crypto } = this.#host
    return verifyPeer(claim, { mesh: this.#membership.mesh, rootKey, known, at: this.#host.now().wall, crypto })
  }

  isPinnedElsewhere({ address4, id }: NetmapPeer): boolean {
    return this.#membership.places.isOthers('address', address4, id)
  }

  isRevoked(identity: VerifiedIdentity): boolean {
    return this.#host.isRevoked(identity)
  }

  takeIndex(): PeerIndex | undefined {
    return this.#host.indices.take()
  }

  added(peer: Peer): void {
    const { index } = peer
    const { places, routes, tunnels } = this.#membership
    this.#host.departed.forget(peer.identity.id)
    places.onAddressed(peer)
    this.#host.command({ kind: 'add-peer', peer: index })
    this.#host.command({ kind: 'set-allowed-ips', peer: index, prefixes: peer.prefixes })
    routes.add(peer, this.#host.now())
    tunnels.add(peer, this.#host.now())
    this.#host.onShapeChanged()
    this.#host.log('info', 'peer added', { peer: peer.identity.id, name: peer.claim.name })
  }

  removed(peer: Peer): void {
    const { places, routes, tunnels } = this.#membership
    if (!this.#host.isRevoked(peer.identity)) this.#host.departed.note(peer)
    places.onRemoved(peer)
    tunnels.remove(peer, this.#host.now())
    routes.remove(peer)
    this.#host.command({ kind: 'remove-peer', peer: peer.index })
    this.#host.indices.give(peer.index)
    this.#host.onShapeChanged()
    this.#host.log('info', 'peer removed', { peer: peer.identity.id, name: peer.claim.name })
  }

  left(peers: number): void {
    this.#membership.loss = { peers, at: this.#host.now().wall }
  }

  rekeyed(peer: Peer): void {
    this.#membership.tunnels.rekey(peer, this.#host.now())
    this.#membership.routes.rekey(peer)
    this.#host.log('info', 'peer has new keys', { peer: peer.identity.id, name: peer.claim.name })
  }

  readdressed(peer: Peer, before: IpAddress): void {
    this.#membership.places.onAddressed(peer, before)
    this.#host.command({ kind: 'set-allowed-ips', peer: peer.index, prefixes: peer.prefixes })
    this.#host.onShapeChanged()
  }

  /** The path in use stays until another is proven, but one that the peer names no more is not waited for. */
  endpointsChanged(peer: Peer): void {
    const { routes, tunnels } = this.#membership
    const now = this.#host.now()
    routes.of(peer)?.onTold(peer.claim.endpoints, now.instant)
    const { path } = peer
    const isStillNamed = path?.kind === 'direct' && peer.claim.endpoints.includes(path.remote)
    if (!isStillNamed) tunnels.renew(peer, now)
  }

  refused({ claim, reason }: RefusedPeer): void {
    this.#host.log('warn', 'peer refused', { peer: claim.id, name: claim.name, reason })
  }

  named(peer: Peer, before?: string): void {
    this.#membership.places.onNamed(peer, before)
  }
}
