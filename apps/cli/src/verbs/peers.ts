import { styleText } from 'node:util'
import type { AgentStatus, PeerStatus } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatTable } from '../table.ts'
import { print, printJson } from '../terminal.ts'

export async function peers(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const { peers } = (await askAgent(options, 'status', {})) as AgentStatus
  if (options.json) return printJson({ peers })
  for (const line of peersLines(peers)) print(line)
}

export function peersLines(peers: readonly PeerStatus[]): readonly string[] {
  if (peers.length === 0) return ['No peers yet; weft link create makes a link to let one in']
  const rows = peers.map(({ name, addresses, online }) => [
    oneLine(name),
    addresses.find((address) => !address.includes(':')) ?? '-',
    addresses.find((address) => address.includes(':')) ?? '-',
    online ? 'online' : 'offline',
  ])
  const [head = '', ...body] = formatTable(['PEER', 'IPV4', 'IPV6', 'STATE'], rows)
  return [styleText('bold', head), ...body.map((line, i) => (peers[i]?.online ? line : styleText('dim', line)))]
}
