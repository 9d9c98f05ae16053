import { familyOf, type IpAddress, ipBytes, ipFromBytes, type Prefix, prefixParts } from '@weft/base'

/** The resolver's place in a mesh's prefix: `.0.53` of the range, `::53` of the /48. */
const HOST = 53
const HOST6 = 0x53
/** Without it no device would ever be called so. */
const LABEL = 'dns'

export function resolverAddress(prefix: Prefix): IpAddress {
  const bytes = ipBytes(prefixParts(prefix).address)
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) + (familyOf(prefix) === 4 ? HOST : HOST6)
  return ipFromBytes(bytes)
}

/** What the resolver itself is called. */
export const resolverHost = (domain: string): string => `${LABEL}.${domain}`
export const RESOLVER_LABEL = LABEL
