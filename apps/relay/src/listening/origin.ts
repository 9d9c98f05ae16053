import { familyOf, type IpAddress, prefixOf } from '@weft/base'

/** Whose share a connection takes: an IPv4 address's, or an IPv6 /64's, for whoever has one address mostly has all of these. */
export function originOf(source: IpAddress | undefined): string {
  if (source === undefined) return 'unknown'
  return familyOf(source) === 4 ? source : prefixOf(source, 64)
}
