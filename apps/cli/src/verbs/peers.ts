import type { AgentStatus, PeerStatus } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { movedLine, refusalLine } from '../refusal-text.ts'
import { formatTable } from '../table.ts'
import { print, printJson, say } from '../terminal.ts'
import { widthOf } from '../text-width.ts'
import { nameCell } from './status.ts'

export async function peers(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const { peers, refused = [], moved = [] } = (await askAgent(options, 'status', {})) as AgentStatus
  if (options.json) return printJson({ peers, refused, moved })
  const width = process.stdout.columns
  for (const line of peersLines(peers, width)) print(line)
  const others = [...refused.map(refusalLine), ...moved.map((each) => movedLine(each, Date.now()))]
  say(...others)
}

/** Both addresses side by side where the terminal has room for that, else one below the other. */
export function peersLines(peers: readonly PeerStatus[], width?: number): readonly string[] {
  if (peers.length === 0) return ['No peers yet; weft link create makes a link to let one in']
  const rows = peers.map(({ addresses, online, ...peer }) => ({
    name: nameCell(peer),
    v4: addresses.find((address) => !address.includes(':')) ?? '-',
    v6: addresses.find((address) => address.includes(':')) ?? '-',
    state: online ? 'online' : 'offline',
  }))
  const wide = formatTable(
    ['PEER', 'IPV4', 'IPV6', 'STATE'],
    rows.map(({ name, v4, v6, state }) => [name, v4, v6, state]),
  )
  if (width === undefined || wide.every((line) => widthOf(line) <= width)) return wide
  return formatTable(
    ['PEER', 'ADDRESSES', 'STATE'],
    rows.flatMap(({ name, v4, v6, state }) => [
      [name, v4, state],
      ['', v6],
    ]),
    { cut: new Map([['PEER', 'middle']]), width },
  )
}
