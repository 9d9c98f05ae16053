/** Which path reaches a peer: how a node looks from outside (STUN), probes that prove a path, and the choice among paths. */
export { MOST_PATH_MTU } from './path-mtu.ts'
export type { PeerPaths } from './peer-paths.ts'
export type { RelayComplaint } from './peer-relays.ts'
export { probeSender } from './probe-seal.ts'
export { type NatMapping, Reflexive } from './reflexive.ts'
export { answerStun, createStunRequest, isStun, readStunAnswer, type StunTransaction } from './stun.ts'
export { type ProbeDropReason, Traversal } from './traversal.ts'
