import { hostPrefix, type IpAddress, type Prefix } from '@weft/base'
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

/** Whether they name the same hosts in the same order, of whom there may be 10,000. */
export function areSameRules(rules: readonly FilterRule[], others: readonly FilterRule[]): boolean {
  const isSame = (one: FilterRule, other: FilterRule | undefined): boolean =>
    other !== undefined &&
    areSame(one.sources, other.sources) &&
    areSame(one.destinations, other.destinations) &&
    JSON.stringify(withoutHosts(one)) === JSON.stringify(withoutHosts(other))
  return rules.length === others.length && rules.every((rule, i) => isSame(rule, others[i]))
}

const withoutHosts = ({ sources: _, destinations: __, ...rest }: FilterRule) => rest

const areSame = (some: readonly Prefix[], others: readonly Prefix[]): boolean =>
  some.length === others.length && some.every((prefix, i) => prefix === others[i])

/** What devices of the account may reach on this node. */
export function grantsTo(account: AccountId, grants: readonly Grant[]): readonly Grant[] {
  return grants.filter((grant) => grant.account === account)
}
