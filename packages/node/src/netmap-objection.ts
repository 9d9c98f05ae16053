import { type Prefix, parsePrefix, prefixContains, prefixParts } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import type { MeshId, NodeId, PublicKey } from '@weft/keys'

/**
 * Where a mesh's range may lie: addresses that are nobody's on the internet (RFC 1918, 6598, 2544). Otherwise a coordinator
 * could draw the traffic of any site into the mesh.
 */
const RANGES = ['100.64.0.0/10', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15'].map((text) =>
  parsePrefix(text),
)

/** Why a netmap is not taken as a whole. Then the last one that held goes on. */
export type NetmapObjection =
  | 'foreign-mesh'
  | 'foreign-self'
  | 'range-not-private'
  /** This node's own address is outside of the mesh's range. */
  | 'self-outside-range'

export function netmapObjection(
  netmap: Netmap,
  own: { readonly mesh: MeshId; readonly rootKey: PublicKey<'root'>; readonly id: NodeId },
): NetmapObjection | undefined {
  if (netmap.mesh.id !== own.mesh || netmap.mesh.rootKey !== own.rootKey) return 'foreign-mesh'
  if (netmap.self.id !== own.id) return 'foreign-self'
  if (!isPrivate(netmap.mesh.range)) return 'range-not-private'
  if (!prefixContains(netmap.mesh.range, netmap.self.address4)) return 'self-outside-range'
  return undefined
}

function isPrivate(range: Prefix): boolean {
  const { address, length } = prefixParts(range)
  return RANGES.some(
    (each) => each !== undefined && length >= prefixParts(each).length && prefixContains(each, address),
  )
}
