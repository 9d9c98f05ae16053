import type { WallTime } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import type { NodeKeys } from '@weft/identity'
import type { MeshId } from '@weft/keys'
import type { KnownPeer } from './known-peers.ts'

/** What a node keeps of one mesh between two runs. */
export interface StoredMembership {
  readonly mesh: MeshId
  readonly keys: NodeKeys
  /** The node's own record and chain, as its peers see them. */
  readonly record: Uint8Array
  readonly chain: Uint8Array
  /** The last that held; absent before the first. */
  readonly netmap?: Netmap
  readonly known: readonly KnownPeer[]
  /** As told by `save-timestamp`; absent before the first handshake. */
  readonly latestTimestamp?: WallTime
}
