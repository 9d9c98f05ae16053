/**
 * What a router does to the traffic of its site, by RFC 4787's two axes: which outside address and port a socket gets
 * (mapping), and who may send to it (filtering). The lab's routers and the simulated internet know the same kinds.
 */
export interface NatKind {
  readonly mapping: 'none' | 'endpoint-independent' | 'random' | 'sequential'
  readonly filtering: 'none' | 'endpoint-independent' | 'address' | 'address-and-port'
}

export const NAT_KINDS = {
  /** A plain router. */
  open: { mapping: 'none', filtering: 'none' },
  firewall: { mapping: 'none', filtering: 'address-and-port' },
  'full-cone': { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  'address-restricted': { mapping: 'endpoint-independent', filtering: 'address' },
  'port-restricted': { mapping: 'endpoint-independent', filtering: 'address-and-port' },
  symmetric: { mapping: 'random', filtering: 'address-and-port' },
  'symmetric-sequential': { mapping: 'sequential', filtering: 'address-and-port' },
} as const satisfies Record<string, NatKind>

export type NatName = keyof typeof NAT_KINDS
