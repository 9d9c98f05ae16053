/** The relay and the STUN server of a mesh; `weft serve` runs both beside the coordinator. */
export { defaultRelayLimits, type RelayLimits, RelayServer } from './relay-server.ts'
export { type StunEvent, StunServer } from './stun-server.ts'
