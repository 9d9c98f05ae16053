import { hostPrefix } from '@weft/base'
import type { Membership } from './membership.ts'
import { INTERFACE_MTU, type InterfaceSettings } from './node-interface.ts'

/** What the interface has for all meshes together. */
export function interfaceSettings(memberships: readonly Membership[]): InterfaceSettings {
  return {
    addresses: memberships.flatMap(({ addresses }) => addresses.map(hostPrefix)),
    routes: memberships.flatMap(({ addresses, prefixes }) => (addresses.length === 0 ? [] : prefixes)),
    mtu: INTERFACE_MTU,
  }
}
