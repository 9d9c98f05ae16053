import type { NatKind } from '@weft/testing'

/** What a router needs to know besides its kind. */
export interface NatOptions {
  /** The router's address on the outside. */
  readonly outside: string
  /** What is inside reaches the outside addresses of what else is inside. */
  readonly hairpin: boolean
  /** No UDP passes. */
  readonly blocksUdp: boolean
}

/** Port preserving, so endpoint-independent as long as nobody else inside has the port; conntrack filters by address and port. */
const MASQUERADE = 'masquerade'
const SEQUENTIAL_PORTS = 512
const FIRST_SEQUENTIAL_PORT = 40_000

/** The rules of a router with `eth0` outside and `lan0` inside. */
export function natRules(kind: NatKind, options: NatOptions): string {
  return [
    'table inet guard {',
    `  chain through { type filter hook forward priority filter; ${guards(kind, options).join('; ')}; }`,
    // As every real router: else an early probe to the router itself would keep the port from being mapped.
    '  chain in { type filter hook input priority filter; iifname "eth0" meta l4proto udp ct state new drop; }',
    '}',
    ...(kind.mapping === 'none' ? [] : translation(kind, options)),
  ].join('\n')
}

function guards({ filtering }: NatKind, { blocksUdp }: NatOptions): readonly string[] {
  const udp = blocksUdp ? ['meta l4proto udp drop'] : []
  if (filtering === 'none') return [...udp, 'accept']
  // What a rule of the router's own let in was translated.
  return [...udp, 'iifname "eth0" ct state new ct status dnat accept', 'iifname "eth0" ct state new drop']
}

function translation({ mapping, filtering }: NatKind, { outside, hairpin }: NatOptions): readonly string[] {
  return [
    'table ip nat {',
    '  map mapped { typeof udp sport : ip saddr . udp sport; size 65535; flags dynamic; }',
    '  set heard { typeof udp sport . ip daddr; size 65535; flags dynamic; }',
    '  chain in { type nat hook prerouting priority dstnat;',
    ...(filtering === 'endpoint-independent' ? ['iifname "eth0" dnat ip to udp dport map @mapped;'] : []),
    ...(filtering === 'address'
      ? ['iifname "eth0" udp dport . ip saddr @heard dnat ip to udp dport map @mapped;']
      : []),
    ...(hairpin ? [`iifname "lan0" ip daddr ${outside} dnat ip to udp dport map @mapped;`] : []),
    '  }',
    '  chain out { type nat hook postrouting priority srcnat;',
    ...(hairpin ? [`oifname "lan0" ct status dnat snat to ${outside};`] : []),
    `    oifname "eth0" ${sourceRule(mapping)}; oifname "eth0" ${MASQUERADE};`,
    '  }',
    '  chain note { type filter hook postrouting priority 300;',
    '    oifname "eth0" update @mapped { udp sport : ct original ip saddr . ct original proto-src };',
    '    oifname "eth0" update @heard { udp sport . ip daddr };',
    '  }',
    '}',
  ]
}

function sourceRule(mapping: NatKind['mapping']): string {
  if (mapping === 'random') return 'meta l4proto udp masquerade fully-random'
  if (mapping !== 'sequential') return MASQUERADE
  const ports = Array.from({ length: SEQUENTIAL_PORTS }, (_, i) => `${i} : ${FIRST_SEQUENTIAL_PORT + i}`)
  return `meta l4proto udp masquerade to :numgen inc mod ${SEQUENTIAL_PORTS} map { ${ports.join(', ')} }`
}
