import { type Prefix, parsePrefix, prefixContains, prefixParts } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import type { MeshId, NodeId, PublicKey } from '@weft/keys'
import type { Places } from './places.ts'

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
  /** This node is given an address that was seen with another device: the user has not agreed. */
  | 'self-address-pinned'
  /** The names of the mesh end otherwise than before: with a domain of the internet they would be other people's. */
  | 'domain-moved'

export function netmapObjection(
  netmap: Netmap,
  own: {
    readonly mesh: MeshId
    readonly rootKey: PublicKey<'root'>
    readonly id: NodeId
    readonly places: Places
    readonly domain: string | undefined
  },
): NetmapObjection | undefined {
  if (netmap.mesh.id !== own.mesh || netmap.mesh.rootKey !== own.rootKey) return 'foreign-mesh'
  if (netmap.self.id !== own.id) return 'foreign-self'
  if (!isPrivate(netmap.mesh.range)) return 'range-not-private'
  if (!prefixContains(netmap.mesh.range, netmap.self.address4)) return 'self-outside-range'
  if (own.places.isOthers('address', netmap.self.address4, own.id)) return 'self-address-pinned'
  if (own.domain !== undefined && netmap.mesh.domain !== own.domain) return 'domain-moved'
  return undefined
}

function isPrivate(range: Prefix): boolean {
  const { address, length } = prefixParts(range)
  return RANGES.some(
    (each) => each !== undefined && length >= prefixParts(each).length && prefixContains(each, address),
  )
}
