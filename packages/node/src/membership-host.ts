import type { Emit } from './node-interface.ts'
import type { PeerIndices } from './peer-indices.ts'
import type { PeerRoutesHost } from './peer-routes.ts'
import type { TunnelsHost } from './tunnels.ts'

/** What the node lends to each of its memberships. */
export interface MembershipHost
  extends Omit<TunnelsHost, 'peerAt' | 'command' | 'saveTimestamp' | 'log' | 'routes' | 'countDrop'>,
    Pick<
      PeerRoutesHost,
      'underlay' | 'meshPrefixes' | 'ownEndpoints' | 'refreshEndpoints' | 'countDrop' | 'sendOnLan' | 'seenAs'
    > {
  readonly indices: PeerIndices
  readonly emit: Emit
  onLocalKeysChanged(): void
  /** What a peer is called or where it is heard is not what it was: costs what it touches. */
  onChanged(): void
  /** Who is there, addresses or grants are not what they were: filter and interface, which look at all peers, are made anew. */
  onShapeChanged(): void
}
