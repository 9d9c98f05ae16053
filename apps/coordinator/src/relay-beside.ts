import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { linkEndpointText, type NetmapRelay } from '@weft/coordinator-protocol'
import type { LinkEndpoint } from '@weft/identity'
import type { MeshId, NodeId } from '@weft/keys'

/** A relay that takes upgrades of the coordinator's port. */
export interface RelayHandler {
  /** Whether the request is for the relay: then `upgrade` answers it. */
  serves(request: IncomingMessage): boolean
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Nobody whom these concern is let in, or stays. */
  revoke(revocations: readonly Uint8Array[]): void
  status(): unknown
  close(): Promise<void>
}

export interface RelayBeside {
  /** Called once the mesh is known. */
  open(relay: { readonly mesh: MeshId; readonly id: NodeId }): RelayHandler
  /** UDP; absent where STUN is not answered. */
  readonly stunPort?: number
}

export function relayInNetmap(
  id: NodeId,
  endpoints: readonly LinkEndpoint[],
  stunPort: number | undefined,
): readonly NetmapRelay[] {
  if (endpoints.length === 0) return []
  return [{ id, places: endpoints.map(linkEndpointText), ...(stunPort === undefined ? {} : { stunPort }) }]
}
