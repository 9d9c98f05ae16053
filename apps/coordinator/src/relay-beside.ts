import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { toHex } from '@weft/base'
import { linkEndpointText, type NetmapRelay } from '@weft/coordinator-protocol'
import type { LinkEndpoint } from '@weft/identity'
import {
  type CryptoProvider,
  KEY_ID_LENGTH,
  type MeshId,
  type NodeId,
  type PublicKey,
  publicKeyBytes,
} from '@weft/keys'

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

/** The relay beside a coordinator is called by the coordinator's key, so that it keeps its name. */
export function relayIdOf(key: PublicKey<'coordinator'>, crypto: CryptoProvider): NodeId {
  return toHex(crypto.sha256(publicKeyBytes(key)).subarray(0, KEY_ID_LENGTH)) as NodeId
}

export function relayInNetmap(
  id: NodeId,
  endpoints: readonly LinkEndpoint[],
  stunPort: number | undefined,
): readonly NetmapRelay[] {
  if (endpoints.length === 0) return []
  return [{ id, places: endpoints.map(linkEndpointText), ...(stunPort === undefined ? {} : { stunPort }) }]
}
