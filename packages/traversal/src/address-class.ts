import { familyOf, type IpAddress, isPrivate, scopeOf } from '@weft/base'

/**
 * Whether somebody at `from` can tell that this machine is seen as that address: never loopback, link-local or multicast,
 * and a private one only from within private addresses. Otherwise who lies could have any machine of a LAN be probed.
 */
export function isBelievable(seen: IpAddress, from: IpAddress): boolean {
  if (scopeOf(seen) !== 'other' || familyOf(seen) !== familyOf(from)) return false
  return !isPrivate(seen) || isPrivate(from)
}
