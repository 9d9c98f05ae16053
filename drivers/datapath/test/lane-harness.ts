import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { type Endpoint, endpointOf, type Instant, type IpAddress, instant, milliseconds } from '@weft/base'
import type { DatapathCommand, DatapathReport, DropCounters, PeerMeter } from '@weft/datapath'
import { bootMilliseconds } from '@weft/native'
import { type DatapathHarness, HARNESS_SOCKET, type ReportOf } from '@weft/testing'
import type { PeerIndex } from '@weft/wireguard'
import { LaneDatapath } from '../src/index.ts'
import { PacketPair } from './packet-pair.ts'
import { until } from './until.ts'

const LOOPBACK = '127.0.0.1' as IpAddress
/** Short, so that a test can wait for it; longer than any pause of a busy test machine. */
const HEARTBEAT_LIMIT = milliseconds(2000)
const BEAT_INTERVAL = 100
/** A lane looks at the heartbeat at least so often. */
const LANE_STEP = 250

/** An end of the underlay: a socket on loopback and what came to it. */
class UnderlayEnd {
  readonly socket: Socket
  readonly came: Uint8Array[] = []
  readonly endpoint: Endpoint

  constructor(socket: Socket) {
    this.socket = socket
    this.endpoint = endpointOf(LOOPBACK, socket.address().port)
    socket.on('message', (datagram) => this.came.push(new Uint8Array(datagram)))
  }

  static async open(): Promise<UnderlayEnd> {
    const socket = createSocket('udp4').bind(0, LOOPBACK)
    await once(socket, 'listening')
    return new UnderlayEnd(socket)
  }
}

/** A lane in its thread, with a packet pair as its port and real sockets on loopback. */
export class LaneHarness implements DatapathHarness {
  readonly #port: PacketPair
  readonly #datapath: LaneDatapath
  readonly #reports: DatapathReport[]
  readonly #ends: readonly [UnderlayEnd, UnderlayEnd]
  readonly #heart: NodeJS.Timeout
  #lanePort = 0

  private constructor(
    port: PacketPair,
    datapath: LaneDatapath,
    reports: DatapathReport[],
    ends: readonly [UnderlayEnd, UnderlayEnd],
  ) {
    this.#port = port
    this.#datapath = datapath
    this.#reports = reports
    this.#ends = ends
    this.#heart = setInterval(() => datapath.beat(), BEAT_INTERVAL)
  }

  static async open(): Promise<LaneHarness> {
    const port = new PacketPair()
    const reports: DatapathReport[] = []
    const datapath = await LaneDatapath.open({
      port: { kind: 'fd', fd: port.laneFd },
      onReport: (report) => reports.push(report),
      heartbeatLimit: HEARTBEAT_LIMIT,
    })
    const ends = [await UnderlayEnd.open(), await UnderlayEnd.open()] as const
    const harness = new LaneHarness(port, datapath, reports, ends)
    harness.tell({ kind: 'open-socket', socket: HARNESS_SOCKET, family: 4, port: 0 })
    harness.#lanePort = (await harness.takeReport('socket-opened')).port
    return harness
  }

  get remote(): Endpoint {
    return this.#ends[0].endpoint
  }

  get other(): Endpoint {
    return this.#ends[1].endpoint
  }

  tell(command: DatapathCommand): void {
    this.#datapath.tell(command)
  }

  portPacket(packet: Uint8Array): void {
    this.#port.give(packet)
  }

  takePortPacket(): Promise<Uint8Array> {
    return this.#port.take()
  }

  receive(datagram: Uint8Array, from: Endpoint = this.remote): void {
    this.#end(from).socket.send(datagram, this.#lanePort, LOOPBACK)
  }

  takeDatagram(at: Endpoint = this.remote): Promise<Uint8Array> {
    return until(`a datagram at ${at}`, () => this.#end(at).came.shift())
  }

  takeReport<Kind extends DatapathReport['kind']>(kind: Kind): Promise<ReportOf<Kind>> {
    return until(`a report ${kind}`, () => {
      const index = this.#reports.findIndex((report) => report.kind === kind)
      return index < 0 ? undefined : (this.#reports.splice(index, 1)[0] as ReportOf<Kind>)
    })
  }

  untaken(kind: DatapathReport['kind']): number {
    return this.#reports.filter((report) => report.kind === kind).length
  }

  meter(peer: PeerIndex): PeerMeter {
    return this.#datapath.meter(peer)
  }

  drops(): DropCounters {
    return this.#datapath.drops()
  }

  now(): Instant {
    return instant(bootMilliseconds())
  }

  async until(holds: () => boolean): Promise<void> {
    await until(String(holds), () => (holds() ? true : undefined))
  }

  async fallSilent(): Promise<void> {
    clearInterval(this.#heart)
    await setTimeout(HEARTBEAT_LIMIT + 2 * LANE_STEP)
  }

  async close(): Promise<void> {
    clearInterval(this.#heart)
    await this.#datapath.close()
    this.#port.close()
    for (const end of this.#ends) end.socket.close()
  }

  #end(endpoint: Endpoint): UnderlayEnd {
    return endpoint === this.other ? this.#ends[1] : this.#ends[0]
  }
}
