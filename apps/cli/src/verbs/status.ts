import { styleText } from 'node:util'
import { type AgentStatus, describePath, type PeerStatus, type RelayState, type SelfStatus } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatAge, formatBytes, formatRoundTrip } from '../format.ts'
import { nameText } from '../name-text.ts'
import { movedLine, refusalLine } from '../refusal-text.ts'
import { formatTable } from '../table.ts'
import { print, printJson } from '../terminal.ts'
import { cutTo, widthOf, wrapTo } from '../text-width.ts'
import { collisionLines } from './netcheck.ts'

interface StatusOptions extends AgentOptions {
  readonly json?: boolean
  readonly watch?: boolean
}

export async function status(options: StatusOptions): Promise<void> {
  if (options.watch) return (await import('../status-watch.ts')).watchStatus(options)
  const answer = (await askAgent(options, 'status', {})) as AgentStatus
  if (options.json) return printJson(answer)
  for (const line of statusLines(answer, { now: Date.now(), columns: process.stdout.columns })) print(line)
}

const NO_ROOM_FOR_PINS =
  'pins  full: the coordinator can give names and addresses that are new to another device, without a word here'

const ROTATION_WAITS =
  'keys  new ones wait, and the old ones are in use: the coordinator is told by itself as soon as it can be reached'

interface View {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Of the terminal; missing where the output is none. */
  readonly columns?: number | undefined
}

export function statusLines(answer: AgentStatus, view: View): readonly string[] {
  const { columns = Number.POSITIVE_INFINITY } = view
  if (answer.self === null) return ['This device belongs to no mesh yet; join with: sudo weft up LINK']
  const lines = [selfLine(answer.self, answer.state)]
  if (answer.state === 'removed')
    return [
      ...lines,
      'This device was removed from the mesh; it joins again, as a new one, with a new link: sudo weft up LINK',
    ]
  // Nothing is asked then, so that nothing is known of anybody.
  if (answer.state === 'down') return lines.flatMap((line) => wrapTo(line, columns))
  if (answer.coordinator !== null) lines.push(coordinatorLine(answer.coordinator))
  if (answer.relay !== undefined && answer.relay.state !== 'none') lines.push(relayLine(answer.relay))
  if (answer.names) lines.push(namesLine(answer.names))
  if (answer.holdsRoot === true)
    lines.push('root  held by this device: weft link create works here without the server’s key')
  if (answer.rotation === 'waiting') lines.push(ROTATION_WAITS)
  lines.push(...collisionLines(answer.network?.collisions))
  lines.push(...(answer.refused ?? []).map(refusalLine))
  lines.push(...(answer.moved ?? []).map((each) => movedLine(each, view.now)))
  if (answer.hasRoomForPins === false) lines.push(NO_ROOM_FOR_PINS)
  return [...lines.flatMap((line) => wrapTo(line, columns)), '', ...peerLines(answer, view)]
}

function selfLine({ name, addresses }: SelfStatus, state: AgentStatus['state']): string {
  const down = state === 'down' ? '  (down; sudo weft up brings it back)' : ''
  return `${styleText('bold', nameText(name))}  ${addresses.join('  ')}${down}`
}

function coordinatorLine({ url, state, reason }: NonNullable<AgentStatus['coordinator']>): string {
  const why = reason === undefined ? '' : `  (${oneLine(reason)})`
  return `coordinator  ${oneLine(url)}  ${stateText(state)}${why}`
}

function relayLine({ home, state, relays }: RelayState): string {
  const own = relays.find(({ id }) => id === home) ?? relays[0]
  const rtt = own?.rttMs === undefined ? '' : `  ${formatRoundTrip(own.rttMs)}`
  const why = state === 'connected' || own?.reason === undefined ? '' : `  (${oneLine(own.reason)})`
  return `relay  ${(own?.id ?? '').slice(0, 8)}  ${stateText(state)}${rtt}${why}`
}

function namesLine({ domain, way, reason }: NonNullable<AgentStatus['names']>): string {
  const why = reason === undefined ? '' : `  (${oneLine(reason)})`
  return way === 'none'
    ? `names  *.${oneLine(domain)}  not set up${why}`
    : `names  *.${oneLine(domain)}  by ${way}${why}`
}

function stateText(state: string): string {
  return state === 'connected' ? state : styleText('red', state)
}

interface Column {
  readonly head: string
  readonly isNumber?: boolean
  readonly cell: (peer: PeerStatus, now: number) => string
}

const name: Column = { head: 'PEER', cell: nameCell }
const address: Column = { head: 'ADDRESS', cell: (peer) => peer.addresses[0] ?? '' }
const path: Column = { head: 'PATH', cell: (peer) => (isThere(peer) ? oneLine(describePath(peer.path)) : 'offline') }
const shortPath: Column = {
  head: 'PATH',
  cell: ({ path, ...peer }) =>
    isThere({ path, ...peer }) ? (path.kind === 'none' ? 'no path' : path.kind) : 'offline',
}
const roundTrip: Column = {
  head: 'RTT',
  isNumber: true,
  cell: ({ path }) => formatRoundTrip('rttMs' in path ? path.rttMs : undefined),
}
const received: Column = { head: 'RX', isNumber: true, cell: (peer) => formatBytes(peer.rxBytes) }
const sent: Column = { head: 'TX', isNumber: true, cell: (peer) => formatBytes(peer.txBytes) }
const handshake: Column = {
  head: 'HANDSHAKE',
  cell: (peer, now) => (peer.lastHandshake === null ? 'never' : formatAge(Date.parse(peer.lastHandshake), now)),
}

/** From the whole down to what a narrow terminal has room for. */
const layouts: readonly (readonly Column[])[] = [
  [name, address, path, roundTrip, received, sent, handshake],
  [name, address, shortPath, roundTrip, received, sent, handshake],
  [name, address, shortPath, roundTrip, received, sent],
  [name, address, shortPath, roundTrip],
  [name, address, shortPath],
]

/** A column is left out before these are narrower. */
const ROOM: ReadonlyMap<Column, number> = new Map([
  [name, 24],
  [path, 30],
])

function peerLines({ peers, coordinator }: AgentStatus, view: View): readonly string[] {
  const { now, columns = Number.POSITIVE_INFINITY } = view
  if (peers.length === 0) return [noPeersLine(coordinator, now)]
  const fits = (layout: readonly Column[]): boolean =>
    tableOf(layout, peers, { now, room: ROOM }).every((line) => widthOf(line) <= columns)
  const layout = layouts.find(fits) ?? layouts.at(-1) ?? []
  return tableOf(layout, peers, { now, width: columns })
}

function noPeersLine(coordinator: AgentStatus['coordinator'], now: number): string {
  if (!coordinator?.removed) return 'No peers yet; weft link create makes a link to let one in'
  const { peers, at } = coordinator.removed
  return `No peers: the coordinator took ${peers} away ${formatAge(Date.parse(at), now)}`
}

function tableOf(
  layout: readonly Column[],
  peers: readonly PeerStatus[],
  { now, room, width }: { readonly now: number; readonly room?: typeof ROOM; readonly width?: number },
): readonly string[] {
  const cellOf = (column: Column, peer: PeerStatus): string => {
    return cutTo(column.cell(peer, now), room?.get(column) ?? Number.POSITIVE_INFINITY, 'end')
  }
  return formatTable(
    layout.map(({ head }) => head),
    peers.map((peer) => layout.map((column) => cellOf(column, peer))),
    {
      right: new Set(layout.filter(({ isNumber }) => isNumber).map(({ head }) => head)),
      cut: new Map([
        [name.head, 'middle'],
        [path.head, 'end'],
      ]),
      width,
    },
  )
}

export function nameCell({ name, nameWithheld }: Pick<PeerStatus, 'name' | 'nameWithheld'>): string {
  return nameWithheld ? `${nameText(name)} (name withheld)` : nameText(name)
}

function isThere(peer: PeerStatus): boolean {
  return peer.online || peer.path.kind === 'direct'
}
