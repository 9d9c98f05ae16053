import { type Metric, metricsText } from '@weft/metrics'
import type { AgentStatus } from './agent-status.ts'

const PATH_KINDS = ['direct', 'relayed', 'idle', 'none'] as const

/** For Prometheus; docs/running.md describes each. No address and no key is among them. */
export function agentMetrics(status: AgentStatus, refusedRequests: Readonly<Record<string, number>>): string {
  const { peers } = status
  const ofPeers = (
    name: string,
    help: string,
    type: Metric['type'],
    value: (peer: Peer) => number | undefined,
  ): Metric => ({
    name,
    help,
    type,
    samples: peers.flatMap((peer) => {
      const found = value(peer)
      return found === undefined ? [] : [{ value: found, labels: { peer: labelOf(peer) } }]
    }),
  })
  return metricsText([
    gauge('weft_up', 'Whether the mesh is up on this device.', status.state === 'up'),
    gauge(
      'weft_coordinator_connected',
      'Whether the coordinator is connected.',
      status.coordinator?.state === 'connected',
    ),
    gauge('weft_relay_connected', 'Whether the home relay is connected.', status.relay.state === 'connected'),
    gauge(
      'weft_resolver_set_up',
      'Whether this machine’s resolver asks the mesh’s.',
      status.names !== null && status.names.way !== 'none',
    ),
    {
      name: 'weft_peers',
      help: 'Peers, by the kind of path in use.',
      type: 'gauge',
      samples: PATH_KINDS.map((kind) => ({
        value: peers.filter(({ path }) => path.kind === kind).length,
        labels: { path: kind },
      })),
    },
    {
      name: 'weft_refused_peers',
      help: 'Peers that get no tunnel, by reason.',
      type: 'gauge',
      samples: countsOf(status.refused.map(({ reason }) => reason)).map(([reason, value]) => ({
        value,
        labels: { reason },
      })),
    },
    {
      name: 'weft_moved_places',
      help: 'Names and addresses that the coordinator moved to another device, not yet trusted.',
      type: 'gauge',
      samples: (['name', 'address'] as const).map((kind) => ({
        value: status.moved.filter((each) => each.kind === kind).length,
        labels: { kind },
      })),
    },
    ofPeers('weft_peer_online', 'Whether the coordinator sees the peer.', 'gauge', ({ online }) => Number(online)),
    ofPeers('weft_peer_received_bytes_total', 'Bytes received from the peer.', 'counter', ({ rxBytes }) => rxBytes),
    ofPeers('weft_peer_sent_bytes_total', 'Bytes sent to the peer.', 'counter', ({ txBytes }) => txBytes),
    ofPeers('weft_peer_round_trip_seconds', 'Last measured round trip.', 'gauge', ({ path }) =>
      'rttMs' in path && path.rttMs !== undefined ? path.rttMs / 1000 : undefined,
    ),
    ofPeers(
      'weft_peer_last_handshake_timestamp_seconds',
      'When the last handshake was completed.',
      'gauge',
      ({ lastHandshake }) => (lastHandshake === null ? undefined : Date.parse(lastHandshake) / 1000),
    ),
    byReason('weft_dropped_total', 'Packets and datagrams that went no further, by reason.', status.dropped),
    byReason('weft_refused_requests_total', 'Requests that the control socket refused, by reason.', refusedRequests),
  ])
}

type Peer = AgentStatus['peers'][number]

/** A name that is another device's would be there twice. */
const labelOf = ({ id, name, nameWithheld }: Peer): string => (nameWithheld ? id : name)

const gauge = (name: string, help: string, value: boolean): Metric => ({
  name,
  help,
  type: 'gauge',
  samples: [{ value: Number(value) }],
})

const byReason = (name: string, help: string, counts: Readonly<Record<string, number>>): Metric => ({
  name,
  help,
  type: 'counter',
  samples: Object.entries(counts).map(([reason, value]) => ({ value, labels: { reason } })),
})

function countsOf(words: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
}
