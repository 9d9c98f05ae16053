/** The relay and the STUN server of a mesh; `weft serve` runs both beside the coordinator, or alone. */
export { describeMesh, type MeshDescription, readMeshDescription } from './mesh-description.ts'
export { defaultRelayLimits, type RelayLimits, RelayServer } from './relay-server.ts'
export { type RelayOptions, type RunningRelay, startRelay } from './start-relay.ts'
export { stunBeside } from './stun-beside.ts'
export { type StunEvent, StunServer } from './stun-server.ts'
