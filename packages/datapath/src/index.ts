/** What the node tells the fast path and hears from it, and the fast path in TypeScript alone. */
export {
  type Activity,
  type Datapath,
  type DatapathCommand,
  type DatapathReport,
  type DirectPath,
  DROP_REASONS,
  type DropCounters,
  type DropReason,
  type FlowStart,
  HEARTBEAT_LIMIT,
  type Path,
  type PeerMeter,
  type PeerMeters,
  RELAYED_SLOTS,
  type RelayedPath,
  RING_SLOT_BYTES,
  RING_SLOTS,
  relayedSlots,
  type SocketId,
  STAGED_LIMIT,
  UP_BURST,
  UP_RATE,
} from './datapath.ts'
export { EngineLink, type EngineOwner, type SessionPaths, type SessionReport } from './engine-link.ts'
export { Forwarder, type ForwarderCommand } from './forwarder.ts'
export {
  FORWARDER_SCRATCH_BYTES,
  type ForwarderOptions,
  type ForwarderOutlet,
  MAX_PACKET_BYTES,
  PACKET_SLOT_BYTES,
} from './forwarder-state.ts'
export { DROPS_BYTES, Drops, MAX_PEERS, METERS_BYTES, Meters } from './meters.ts'
export type { CipherFactory, PacketCipher } from './peer-sessions.ts'
export { PortableDatapath, type PortableInput, type PortableOutput } from './portable-datapath.ts'
export { TUNNEL_OVERHEAD } from './segment-limit.ts'
export type { SealedRuns } from './send-queue.ts'
