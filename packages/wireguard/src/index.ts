/** The WireGuard protocol, told the time: the engine of a node's handshakes, and what the fast path is made of. */
export { AllowedIps } from './allowed-ips.ts'
export {
  COOKIE_REPLY_LENGTH,
  type Counter,
  INITIATION_LENGTH,
  MESSAGE_COOKIE_REPLY,
  MESSAGE_INITIATION,
  MESSAGE_RESPONSE,
  MESSAGE_TRANSPORT,
  REJECT_AFTER_MESSAGES,
  REKEY_AFTER_MESSAGES,
  RESPONSE_LENGTH,
  TAG,
  TRANSPORT_HEADER,
} from './constants.ts'
export { WireGuardEngine } from './engine.ts'
export type { EngineInput, EngineMeters, EngineOutput, TunnelActivity } from './engine-interface.ts'
export type { HandshakeDropReason } from './handshake-drop.ts'
export { holdsMac1, mac1KeyOf } from './mac1.ts'
export { holdsCookie } from './mac2.ts'
export { OriginLimits } from './origin-limits.ts'
export { ReceiverIndices } from './receiver-indices.ts'
export { ReplayWindow } from './replay-window.ts'
export type { PeerIndex, TransportSession } from './session.ts'
export { StagedPackets } from './staged-packets.ts'
