/** Everything a node does, without I/O: memberships, peers that proved themselves, handshakes, paths and permissions. */
export { MAX_ENDPOINTS } from './endpoints.ts'
export { type KnownPeer, MAX_KNOWN_PEERS } from './known-peers.ts'
export type { TrustedPlace, TrustOutcome } from './moved-places.ts'
export { Node } from './node.ts'
export {
  type CoordinatorState,
  INTERFACE_MTU,
  type InterfaceSettings,
  type NodeInput,
  type NodeOutput,
  type PingOutcome,
  type ProvenPeer,
  type RelayStanding,
} from './node-interface.ts'
export type { MovedPlaceStatus, NodeStatus, PathStatus, PeerStatus, RefusedPeerStatus } from './node-status.ts'
export type { FormerKeys, OwnKeys, PeerFacingKeys } from './own-keys.ts'
export { MAX_PINS, NO_PINS, type Pin, type StoredPins } from './pins.ts'
export { isRemoved } from './revocations.ts'
export type { StoredMembership } from './stored-membership.ts'
