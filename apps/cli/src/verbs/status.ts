import { styleText } from 'node:util'
import { type AgentStatus, describePath, type PeerStatus, type RelayState } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatAge, formatBytes, formatRoundTrip } from '../format.ts'
import { formatTable } from '../table.ts'
import { print, printJson } from '../terminal.ts'

export async function status(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const answer = (await askAgent(options, 'status', {})) as AgentStatus
  if (options.json) return printJson(answer)
  for (const line of statusLines(answer, Date.now())) print(line)
}

/** @param now milliseconds since 1970. */
export function statusLines(answer: AgentStatus, now: number): readonly string[] {
  if (answer.self === null) return ['This device belongs to no mesh yet; join with: sudo weft up LINK']
  const lines = [
    `${oneLine(answer.self.name)}  ${answer.self.addresses.join('  ')}${answer.state === 'up' ? '' : '  (down; sudo weft up brings it back)'}`,
  ]
  if (answer.coordinator !== null)
    lines.push(`coordinator  ${oneLine(answer.coordinator.url)}  ${answer.coordinator.state}`)
  if (answer.relay !== undefined && answer.relay.state !== 'none') lines.push(relayLine(answer.relay))
  return [...lines, '', ...peerLines(answer.peers, now)]
}

function relayLine({ home, state, relays }: RelayState): string {
  const own = relays.find(({ id }) => id === home) ?? relays[0]
  const rtt = own?.rttMs === undefined ? '' : `  ${formatRoundTrip(own.rttMs)}`
  const why = state === 'connected' || own?.reason === undefined ? '' : `  (${oneLine(own.reason)})`
  return `relay  ${(own?.id ?? '').slice(0, 8)}  ${state}${rtt}${why}`
}

const heads = ['PEER', 'ADDRESS', 'PATH', 'RTT', 'RX', 'TX', 'HANDSHAKE'] as const

function peerLines(peers: readonly PeerStatus[], now: number): readonly string[] {
  if (peers.length === 0) return ['No peers yet; weft link create makes a link to let one in']
  const rows = peers.map((peer) => [
    oneLine(peer.name),
    peer.addresses[0] ?? '',
    peer.online || peer.path.kind === 'direct' ? oneLine(describePath(peer.path)) : 'offline',
    formatRoundTrip(peer.path.rttMs),
    formatBytes(peer.rxBytes),
    formatBytes(peer.txBytes),
    peer.lastHandshake === null ? 'never' : formatAge(Date.parse(peer.lastHandshake), now),
  ])
  const [head = '', ...body] = formatTable(heads, rows, new Set(['RTT', 'RX', 'TX']))
  // Looks at the stream itself: plain where nobody looks, or where NO_COLOR asks for it.
  return [styleText('bold', head), ...body.map((line, i) => (peers[i]?.online ? line : styleText('dim', line)))]
}
