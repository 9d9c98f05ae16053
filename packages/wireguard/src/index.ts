/** The WireGuard protocol, told the time. */
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
export { holdsMac1, mac1KeyOf } from './mac1.ts'
export { ReplayWindow } from './replay-window.ts'
export type { PeerIndex, TransportSession } from './session.ts'
export { StagedPackets } from './staged-packets.ts'
