import { assertNever } from '@weft/base'
import { PROTOCOL_ICMP, PROTOCOL_ICMP6, PROTOCOL_TCP, PROTOCOL_UDP } from '@weft/packet'
import { AddressRanges } from './address-ranges.ts'
import type { FilterRule } from './filter-rule.ts'
import { type FlowKey, isIpv6Key, LOCAL, localPortOfKey, protocolOfKey, REMOTE } from './flow-key.ts'

interface CompiledRule {
  readonly reason: string
  readonly sources4: AddressRanges
  readonly sources6: AddressRanges
  readonly destinations4: AddressRanges
  readonly destinations6: AddressRanges
  readonly protocol: FilterRule['protocol']
  readonly firstPort: number
  readonly lastPort: number
}

/** Filter rules, made quick to ask: once for each new flow from outside. */
export class CompiledRules {
  readonly #rules: readonly CompiledRule[]

  constructor(rules: readonly FilterRule[]) {
    this.#rules = rules.map(compile)
  }

  /** The number of the first rule that accepts what the remote side of the key sends to the local side; -1: none. */
  match(keys: FlowKey, at = 0): number {
    const isIpv6 = isIpv6Key(keys, at)
    const protocol = protocolOfKey(keys, at)
    const port = localPortOfKey(keys, at)
    for (const [number, rule] of this.#rules.entries()) {
      if (!coversProtocol(rule, protocol, isIpv6, port)) continue
      const destinations = isIpv6 ? rule.destinations6 : rule.destinations4
      const sources = isIpv6 ? rule.sources6 : rule.sources4
      if (destinations.has(keys, at + LOCAL) && sources.has(keys, at + REMOTE)) return number
    }
    return -1
  }

  reason(number: number): string | undefined {
    return this.#rules[number]?.reason
  }
}

function compile(rule: FilterRule): CompiledRule {
  return {
    reason: rule.reason,
    sources4: new AddressRanges(rule.sources, 4),
    sources6: new AddressRanges(rule.sources, 6),
    destinations4: new AddressRanges(rule.destinations, 4),
    destinations6: new AddressRanges(rule.destinations, 6),
    protocol: rule.protocol,
    firstPort: rule.ports?.first ?? 0,
    lastPort: rule.ports?.last ?? 0xffff,
  }
}

function coversProtocol(rule: CompiledRule, protocol: number, isIpv6: boolean, port: number): boolean {
  switch (rule.protocol) {
    case 'any':
      return true
    case 'icmp':
      return protocol === (isIpv6 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP)
    case 'tcp':
      return protocol === PROTOCOL_TCP && rule.firstPort <= port && port <= rule.lastPort
    case 'udp':
      return protocol === PROTOCOL_UDP && rule.firstPort <= port && port <= rule.lastPort
    default:
      return assertNever(rule.protocol)
  }
}
