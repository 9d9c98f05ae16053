import {
  type Endpoint,
  endpointOf,
  endpointParts,
  type IpAddress,
  type Prefix,
  prefixContains,
  scopeOf,
} from '@weft/base'

/** As many as a netmap may tell of one node. */
const MAX_ENDPOINTS = 32

/** Those of the endpoints that a peer could ever hear something at: no loopback, no link-local, none through the mesh itself. */
export function usableEndpoints(endpoints: readonly Endpoint[], mesh: readonly Prefix[]): readonly Endpoint[] {
  const usable = endpoints.filter((endpoint) => isUsable(endpointParts(endpoint).address, mesh))
  return [...new Set(usable)].slice(0, MAX_ENDPOINTS)
}

/** The address that the channel comes from, with the port that the node's own endpoints have. */
export function notedEndpoint(
  source: IpAddress | undefined,
  published: readonly Endpoint[],
  mesh: readonly Prefix[],
): Endpoint | undefined {
  const [first] = published
  if (source === undefined || first === undefined || !isUsable(source, mesh)) return undefined
  return endpointOf(source, endpointParts(first).port)
}

/** What peers are told: the noted endpoint is never the one that there is no room for. */
export function toldEndpoints(published: readonly Endpoint[], noted: Endpoint | undefined): readonly Endpoint[] {
  if (noted === undefined || published.includes(noted)) return published
  return [...published.slice(0, MAX_ENDPOINTS - 1), noted]
}

function isUsable(address: IpAddress, mesh: readonly Prefix[]): boolean {
  return scopeOf(address) === 'other' && !mesh.some((prefix) => prefixContains(prefix, address))
}
