import type { IpAddress, Prefix } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import type { MeshNames } from '@weft/dns'
import type { NodeId } from '@weft/keys'
import type { Peer } from './peer.ts'
import type { Places } from './places.ts'

/**
 * The names of a mesh: of this node and of the peers that proved themselves. What was refused has no name either, and a
 * name that was seen with one device is nobody else's: no other device's, and no record's.
 */
export function meshNames(
  membership: {
    readonly id: NodeId
    readonly addresses: readonly IpAddress[]
    readonly prefixes: readonly Prefix[]
    readonly resolvers: readonly IpAddress[]
    readonly peers: { peers(): Iterable<Peer> }
    readonly places: Places
  },
  netmap: Netmap,
): MeshNames {
  const { addresses, prefixes, resolvers, peers, places } = membership
  const devices = [
    { id: membership.id, name: netmap.self.name, addresses },
    ...[...peers.peers()].map(({ claim, addresses }) => ({ id: claim.id, name: claim.name, addresses })),
  ]
  return {
    domain: netmap.mesh.domain,
    prefixes,
    ownAddresses: addresses,
    resolvers,
    serial: netmap.number,
    devices: devices
      .filter(({ id, name }) => !places.isOthers('name', name, id))
      .map(({ name, addresses }) => ({ name, addresses })),
    records: (netmap.records ?? []).filter(({ name }) => !places.isDevice(topLabel(name))),
  }
}

/** What is below a device's name is that device, too. */
const topLabel = (name: string): string => name.slice(name.lastIndexOf('.') + 1)
