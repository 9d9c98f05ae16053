import {
  type Endpoint,
  endpointOf,
  familyOf,
  type IpAddress,
  type Prefix,
  parseIp,
  prefixContains,
  scopeOf,
} from '@weft/base'
import { isLinkUrl, type LinkEndpoint } from '@weft/identity'

/** A join link has no room for more: docs/protocols/links.md. */
const MAX_ENDPOINTS = 8
const MAX_RELAYS = 3

/** Where the coordinator listens, and what it knows of the ways to it. */
export interface Reach {
  /** As bound: `::` is every address, `0.0.0.0` every IPv4 one. */
  readonly host: IpAddress
  readonly port: number
  /** Of this machine. */
  readonly addresses: readonly IpAddress[]
  /** The mesh's own addresses: a device that joins cannot reach them yet. */
  readonly mesh: readonly Prefix[]
  readonly publicUrl: string | undefined
}

/** The ways to the coordinator, the best first, 1 to 8. Loopback only where there is nothing else. */
export function linkEndpoints(reach: Reach): readonly LinkEndpoint[] {
  const direct = directEndpoints(reach).map((endpoint): LinkEndpoint => ({ kind: 'endpoint', endpoint }))
  const url: readonly LinkEndpoint[] = reach.publicUrl === undefined ? [] : [{ kind: 'url', url: reach.publicUrl }]
  const all = [...url, ...direct]
  return all.length > 0
    ? all.slice(0, MAX_ENDPOINTS)
    : [{ kind: 'endpoint', endpoint: endpointOf(loopbackOf(reach.host), reach.port) }]
}

/** The last of a link's endpoints are relays, whose place in it is kept free. */
export function withRelays(endpoints: readonly LinkEndpoint[], relays: readonly string[]): readonly LinkEndpoint[] {
  const known = new Set(endpoints.map((endpoint) => (endpoint.kind === 'url' ? endpoint.url : '')))
  const urls = relays.filter((url) => !known.has(url)).slice(0, MAX_RELAYS)
  const ways = urls.map((url): LinkEndpoint => ({ kind: 'url', url }))
  return [...endpoints.slice(0, MAX_ENDPOINTS - ways.length), ...ways]
}

/** The URL in the form that links carry, or why it is none. */
export function parsePublicUrl(text: string): string | { readonly refused: string } {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    return { refused: 'it is no http:// or https:// URL' }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return { refused: 'it has more than scheme, host, port and path' }
  const plain = url.href.replace(/\/+$/, '')
  return isLinkUrl(plain) ? plain : { refused: 'it is too long for a join link' }
}

function directEndpoints({ host, port, addresses, mesh }: Reach): readonly Endpoint[] {
  if (scopeOf(host) !== 'unspecified') return [endpointOf(host, port)]
  const usable = addresses.filter(
    (address) => scopeOf(address) === 'other' && !mesh.some((prefix) => prefixContains(prefix, address)),
  )
  const v4 = usable.filter((address) => familyOf(address) === 4)
  const v6 = familyOf(host) === 4 ? [] : usable.filter((address) => familyOf(address) === 6)
  return alternating([...new Set(v4)], [...new Set(v6)]).map((address) => endpointOf(address, port))
}

/** So that a machine with many addresses of one family still tells one of the other. */
function alternating<T>(a: readonly T[], b: readonly T[]): readonly T[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => [
    ...a.slice(i, i + 1),
    ...b.slice(i, i + 1),
  ]).flat()
}

function loopbackOf(host: IpAddress): IpAddress {
  return parseIp(familyOf(host) === 4 ? '127.0.0.1' : '::1') ?? host
}
