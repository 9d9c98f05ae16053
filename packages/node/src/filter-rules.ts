import type { IpAddress } from '@weft/base'
import { hostPrefix } from '@weft/base'
import type { Grant } from '@weft/coordinator-protocol'
import type { FilterRule } from '@weft/filter'
import type { AccountId } from '@weft/keys'
import type { Peer } from './peer.ts'

/**
 * What the grants mean for this node: who of a granted account is, its chain says and not the coordinator. A grant to an
 * account without a device gives no rule.
 */
export function filterRules(grants: readonly Grant[], peers: Iterable<Peer>, own: readonly IpAddress[]): FilterRule[] {
  const byAccount = Map.groupBy(peers, ({ identity }) => identity.account)
  const destinations = own.map(hostPrefix)
  return grants.flatMap((grant) => {
    const sources = (byAccount.get(grant.account) ?? []).flatMap((peer) => peer.prefixes)
    if (sources.length === 0) return []
    const { reason, protocol, ports } = grant
    return [{ reason, sources, destinations, protocol, ...(ports === undefined ? {} : { ports }) }]
  })
}

/** What devices of the account may reach on this node. */
export function grantsTo(account: AccountId, grants: readonly Grant[]): readonly Grant[] {
  return grants.filter((grant) => grant.account === account)
}
