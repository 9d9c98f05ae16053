import type { Prefix } from '@weft/base'

/** One grant as the receiving node enforces it. What no rule accepts, and no known flow answers, is dropped. */
export interface FilterRule {
  /** Why the rule is there: shown by `weft why`, and with a flow. */
  readonly reason: string
  readonly sources: readonly Prefix[]
  readonly destinations: readonly Prefix[]
  /** `icmp` is ICMP in IPv4 and ICMPv6 in IPv6. */
  readonly protocol: 'any' | 'tcp' | 'udp' | 'icmp'
  /** Destination ports, both ends included; all where absent. Only with tcp and udp. */
  readonly ports?: { readonly first: number; readonly last: number }
}
