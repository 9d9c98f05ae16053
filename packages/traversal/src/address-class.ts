import { familyOf, type IpAddress, type Prefix, prefixContains, scopeOf } from '@weft/base'

/** Addresses that mean another machine elsewhere: RFC 1918, RFC 6598, RFC 4193. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] as string[] as Prefix[]

export const isPrivate = (address: IpAddress): boolean => PRIVATE.some((prefix) => prefixContains(prefix, address))

/**
 * Whether somebody at `from` can tell that this machine is seen as that address: never loopback, link-local or multicast,
 * and a private one only from within private addresses. Otherwise who lies could have any machine of a LAN be probed.
 */
export function isBelievable(seen: IpAddress, from: IpAddress): boolean {
  if (scopeOf(seen) !== 'other' || familyOf(seen) !== familyOf(from)) return false
  return !isPrivate(seen) || isPrivate(from)
}
