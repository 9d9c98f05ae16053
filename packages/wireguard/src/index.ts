/** The WireGuard protocol, told the time. */
export type { PeerIndex, TransportSession } from './session.ts'
