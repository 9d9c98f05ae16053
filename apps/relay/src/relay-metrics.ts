import { metricsText } from '@weft/metrics'

/** For Prometheus; docs/running.md describes each. */
export function relayMetrics(
  status: { readonly nodes: number; readonly connections: number; readonly dropped: Readonly<Record<string, number>> },
  stun: Readonly<Record<string, number>>,
): string {
  const byReason = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([reason, value]) => ({ value, labels: { reason } }))
  return metricsText([
    {
      name: 'weft_relay_nodes',
      help: 'Members of the mesh that are connected.',
      type: 'gauge',
      samples: [{ value: status.nodes }],
    },
    {
      name: 'weft_relay_connections',
      help: 'Connections, of strangers too.',
      type: 'gauge',
      samples: [{ value: status.connections }],
    },
    {
      name: 'weft_relay_dropped_total',
      help: 'Datagrams and clients that went no further, by reason.',
      type: 'counter',
      samples: byReason(status.dropped),
    },
    {
      name: 'weft_relay_stun_total',
      help: 'Datagrams at the STUN ports, by what came of them.',
      type: 'counter',
      samples: byReason(stun),
    },
  ])
}
