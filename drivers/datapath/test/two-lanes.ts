import { type Endpoint, endpointOf, type IpAddress, instant, type Prefix } from '@weft/base'
import type { DatapathCommand, DatapathReport, SocketId } from '@weft/datapath'
import type { FilterRule } from '@weft/filter'
import { bootMilliseconds } from '@weft/native'
import type { PeerIndex, TransportSession } from '@weft/wireguard'
import { LaneDatapath } from '../src/index.ts'
import { PacketPair } from './packet-pair.ts'
import { until } from './until.ts'

export const ALICE = '100.64.0.1' as IpAddress
export const BOB = '100.64.0.2' as IpAddress
export const ALICE6 = 'fd00::1' as IpAddress
export const BOB6 = 'fd00::2' as IpAddress
export const PEER = 0 as PeerIndex
export const SOCKET4 = 0 as SocketId
export const SOCKET6 = 1 as SocketId
const BARRIER = 99 as SocketId

const ACCEPT_ALL: FilterRule = {
  reason: 'test',
  sources: ['0.0.0.0/0', '::/0'] as Prefix[],
  destinations: ['0.0.0.0/0', '::/0'] as Prefix[],
  protocol: 'any',
}

/** A lane over one end of a packet pair, and what it has reported. */
export class TestLane {
  readonly port: PacketPair
  readonly datapath: LaneDatapath
  readonly reports: DatapathReport[]

  constructor(port: PacketPair, datapath: LaneDatapath, reports: DatapathReport[]) {
    this.port = port
    this.datapath = datapath
    this.reports = reports
  }

  static async open(): Promise<TestLane> {
    const port = new PacketPair()
    const reports: DatapathReport[] = []
    const datapath = await LaneDatapath.open({
      port: { kind: 'fd', fd: port.laneFd },
      onReport: (report) => reports.push(report),
    })
    return new TestLane(port, datapath, reports)
  }

  tell(...commands: readonly DatapathCommand[]): void {
    for (const command of commands) this.datapath.tell(command)
  }

  /** The first report of the kind that was not taken yet. */
  report<Kind extends DatapathReport['kind']>(kind: Kind): Promise<Extract<DatapathReport, { kind: Kind }>> {
    return until(`a report ${kind}`, () => {
      const at = this.reports.findIndex((report) => report.kind === kind)
      return at < 0 ? undefined : (this.reports.splice(at, 1)[0] as Extract<DatapathReport, { kind: Kind }>)
    })
  }

  /** Opens the socket and answers where it is on loopback. */
  async listen(family: 4 | 6): Promise<Endpoint> {
    const socket = family === 4 ? SOCKET4 : SOCKET6
    this.tell({ kind: 'open-socket', socket, family, port: 0 })
    const { port } = await this.report('socket-opened')
    return endpointOf((family === 4 ? '127.0.0.1' : '::1') as IpAddress, port)
  }

  /** Everything told so far has been done. */
  async settled(): Promise<void> {
    this.tell({ kind: 'open-socket', socket: BARRIER, family: 4, port: 0 })
    await until('the barrier', () => {
      const at = this.reports.findIndex((report) => report.kind === 'socket-opened' && report.socket === BARRIER)
      return at < 0 ? undefined : this.reports.splice(at, 1)
    })
    this.tell({ kind: 'close-socket', socket: BARRIER })
  }

  async close(): Promise<void> {
    await this.datapath.close()
    this.port.close()
  }
}

/** Two lanes that know each other, with a path over loopback in one family; without a session. */
export async function twoLanes(family: 4 | 6, mtu = 1420): Promise<{ alice: TestLane; bob: TestLane }> {
  const [alice, bob] = await Promise.all([TestLane.open(), TestLane.open()])
  const [aliceAt, bobAt] = await Promise.all([alice.listen(family), bob.listen(family)])
  introduce(alice, [BOB, BOB6], bobAt, mtu)
  introduce(bob, [ALICE, ALICE6], aliceAt, mtu)
  return { alice, bob }
}

function introduce(lane: TestLane, addresses: readonly IpAddress[], remote: Endpoint, mtu: number): void {
  const socket = remote.startsWith('[') ? SOCKET6 : SOCKET4
  const prefixes = addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}` as Prefix)
  lane.tell(
    { kind: 'add-peer', peer: PEER },
    { kind: 'set-allowed-ips', peer: PEER, prefixes },
    { kind: 'set-path', peer: PEER, path: { route: { kind: 'direct', socket, remote }, mtu } },
    { kind: 'set-filter', rules: [ACCEPT_ALL] },
  )
}

/** Gives both a session, alice as the initiator, as a handshake would. */
export async function installSessions(alice: TestLane, bob: TestLane): Promise<void> {
  const [first, second] = sessionPair()
  bob.tell({ kind: 'install-session', peer: PEER, session: second })
  await bob.settled()
  alice.tell({ kind: 'install-session', peer: PEER, session: first }, { kind: 'send-keepalive', peer: PEER })
}

export function sessionPair(): readonly [TransportSession, TransportSession] {
  const there = crypto.getRandomValues(new Uint8Array(32))
  const back = crypto.getRandomValues(new Uint8Array(32))
  const now = bootMilliseconds()
  const common = { rekeyAfterReceiving: undefined, rejectAfter: instant(now + 180_000) }
  return [
    {
      ...common,
      role: 'initiator',
      localIndex: 0xf0000001,
      remoteIndex: 0x80000002,
      sendKey: there,
      receiveKey: back,
      rekeyAfter: instant(now + 120_000),
    },
    {
      ...common,
      role: 'responder',
      localIndex: 0x80000002,
      remoteIndex: 0xf0000001,
      sendKey: back,
      receiveKey: there,
      rekeyAfter: undefined,
    },
  ]
}
