import type { ListedRelay, RelayList } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatRoundTrip } from '../format.ts'
import { formatTable } from '../table.ts'
import { note, print, printJson, say } from '../terminal.ts'

interface RelayOptions extends AgentOptions {
  readonly state?: string
  readonly json?: boolean
}

/** What a relay elsewhere needs to know of the mesh. */
export async function relayDescribe(options: RelayOptions): Promise<void> {
  const { mesh, coordinatorKey } = (await askCoordinator(options, 'relay-list', {})) as RelayList
  printJson({ version: 1, mesh, coordinatorKey })
  note('Nothing in it is secret. Where the relay shall run: weft serve --only relay --mesh FILE')
}

export async function relayAdd(places: readonly string[], options: RelayOptions): Promise<void> {
  const { relay } = (await askCoordinator(options, 'relay-add', { places })) as { readonly relay: ListedRelay }
  if (options.json) return printJson({ relay })
  say(`Nodes may use relay ${relay.id.slice(0, 8)} from now on: ${relay.places.map(oneLine).join(', ')}`)
}

export async function relayList(options: RelayOptions): Promise<void> {
  const { relays } = (await askCoordinator(options, 'relay-list', {})) as RelayList
  if (options.json) return printJson({ relays })
  for (const line of relayTable(relays, process.stdout.columns)) print(line)
}

export function relayTable(relays: readonly ListedRelay[], width?: number): readonly string[] {
  if (relays.length === 0) return ['No relay but the one beside the coordinator; weft relay add URL adds one']
  const rows = relays.map(({ id, places, stunPort, state, rttMs, reason }) => [
    id.slice(0, 8),
    reason === undefined ? state : `${state}: ${oneLine(reason)}`,
    formatRoundTrip(rttMs),
    stunPort === undefined ? '-' : String(stunPort),
    places.map(oneLine).join(', '),
  ])
  return formatTable(['RELAY', 'STATE', 'RTT', 'STUN', 'URL'], rows, {
    right: new Set(['RTT', 'STUN']),
    cut: new Map([
      ['STATE', 'end'],
      ['URL', 'end'],
    ]),
    width,
  })
}

export async function relayRemove(relay: string, options: RelayOptions): Promise<void> {
  const removed = (await askCoordinator(options, 'relay-remove', { relay })) as Pick<ListedRelay, 'id' | 'places'>
  if (options.json) return printJson(removed)
  say(`Nodes leave relay ${removed.id.slice(0, 8)}; it may be stopped`)
}
