import {
  type Endpoint,
  endpointOf,
  endpointParts,
  familyOf,
  type IpAddress,
  type Prefix,
  prefixContains,
  scopeOf,
} from '@weft/base'
import type { DirectPath, SocketId } from '@weft/datapath'

/** Endpoints of one node that are told, and tried. */
export const MAX_ENDPOINTS = 32

export interface Underlay {
  readonly port: number | undefined
  socketFor(family: 4 | 6): SocketId | undefined
}

/** The prefixes of all meshes the node is in: a tunnel's datagram must never enter a tunnel. */
export type MeshPrefixes = readonly Prefix[]

/** Whether datagrams to the address could reach another machine outside of the mesh. */
function isUnderlayAddress(address: IpAddress, meshes: MeshPrefixes): boolean {
  return scopeOf(address) === 'other' && !meshes.some((prefix) => prefixContains(prefix, address))
}

/** Those of the machine's own addresses that a mesh has too. */
export const collisionsOf = (addresses: readonly IpAddress[], meshes: MeshPrefixes): readonly IpAddress[] =>
  addresses.filter((address) => meshes.some((prefix) => prefixContains(prefix, address)))

/** Where a node with these local addresses may be heard, in a fixed order. */
export function ownEndpoints(addresses: readonly IpAddress[], underlay: Underlay, meshes: MeshPrefixes): Endpoint[] {
  const { port } = underlay
  if (port === undefined) return []
  const usable = addresses.filter(
    (address) => underlay.socketFor(familyOf(address)) !== undefined && isUnderlayAddress(address, meshes),
  )
  return [...new Set(usable.map((address) => endpointOf(address, port)))].sort().slice(0, MAX_ENDPOINTS)
}

/** The ways to the endpoints that this machine's sockets allow. */
export function directPaths(endpoints: readonly Endpoint[], underlay: Underlay, meshes: MeshPrefixes): DirectPath[] {
  const paths: DirectPath[] = []
  for (const remote of endpoints.slice(0, MAX_ENDPOINTS)) {
    const { address } = endpointParts(remote)
    const socket = underlay.socketFor(familyOf(address))
    if (socket !== undefined && isUnderlayAddress(address, meshes)) paths.push({ kind: 'direct', socket, remote })
  }
  return paths
}
