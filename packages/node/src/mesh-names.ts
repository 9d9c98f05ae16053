import type { IpAddress, Prefix } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import { type MeshNames, resolverAddress } from '@weft/dns'
import type { Peer } from './peer.ts'

/** The names of a mesh: of this node and of the peers that proved themselves. What was refused has no name either. */
export function meshNames(
  membership: {
    readonly addresses: readonly IpAddress[]
    readonly prefixes: readonly Prefix[]
    readonly peers: { peers(): Iterable<Peer> }
  },
  netmap: Netmap,
): MeshNames {
  const { addresses, prefixes, peers } = membership
  const devices = [...peers.peers()].map((peer) => ({ name: peer.claim.name, addresses: peer.addresses }))
  return {
    domain: netmap.mesh.domain,
    prefixes,
    ownAddresses: addresses,
    resolvers: prefixes.map(resolverAddress),
    serial: netmap.number,
    devices: [{ name: netmap.self.name, addresses }, ...devices],
    records: netmap.records ?? [],
  }
}
