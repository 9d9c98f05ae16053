import { type Endpoint, endpointOf, type Instant, milliseconds, parseIp } from '@weft/base'
import {
  type DatapathCommand,
  type DatapathReport,
  type DropCounters,
  HEARTBEAT_LIMIT,
  type PeerMeter,
  PortableDatapath,
  type PortableInput,
  type PortableOutput,
} from '@weft/datapath'
import { portableCrypto } from '@weft/keys/portable'
import { type DatapathHarness, HARNESS_SOCKET, ManualClock, type ReportOf } from '@weft/testing'
import type { PeerIndex } from '@weft/wireguard'

const FIRST_PORT = 50_000

/** The portable twin with everything around it in memory; whatever can happen has happened when a call returns. */
export class PortableHarness implements DatapathHarness {
  readonly remote = endpoint('192.0.2.1', 1111)
  readonly other = endpoint('192.0.2.2', 2222)
  readonly clock = new ManualClock()
  readonly datapath = new PortableDatapath({ crypto: portableCrypto })
  readonly reports: DatapathReport[] = []
  readonly delivered: Uint8Array[] = []
  readonly sent: { readonly to: Endpoint; readonly datagram: Uint8Array }[] = []

  constructor() {
    this.tell({ kind: 'open-socket', socket: HARNESS_SOCKET, family: 4, port: 0 })
    this.reports.length = 0
  }

  tell(command: DatapathCommand): void {
    this.handle(command)
  }

  portPacket(packet: Uint8Array): void {
    this.handle({ kind: 'port-packet', packet })
  }

  receive(datagram: Uint8Array, from: Endpoint = this.remote): void {
    this.handle({ kind: 'received', datagram, path: { kind: 'direct', socket: HARNESS_SOCKET, remote: from } })
  }

  async takePortPacket(): Promise<Uint8Array> {
    return present(this.delivered.shift(), 'a packet at the packet port')
  }

  async takeDatagram(at: Endpoint = this.remote): Promise<Uint8Array> {
    const index = this.sent.findIndex(({ to }) => to === at)
    return present(index < 0 ? undefined : this.sent.splice(index, 1)[0], `a datagram at ${at}`).datagram
  }

  async takeReport<Kind extends DatapathReport['kind']>(kind: Kind): Promise<ReportOf<Kind>> {
    const index = this.reports.findIndex((report) => report.kind === kind)
    const report = index < 0 ? undefined : this.reports.splice(index, 1)[0]
    return present(report, `a report ${kind}`) as ReportOf<Kind>
  }

  untaken(kind: DatapathReport['kind']): number {
    return this.reports.filter((report) => report.kind === kind).length
  }

  meter(peer: PeerIndex): PeerMeter {
    return this.datapath.meter(peer)
  }

  drops(): DropCounters {
    return this.datapath.drops()
  }

  now(): Instant {
    return this.clock.now().instant
  }

  async until(holds: () => boolean): Promise<void> {
    if (!holds()) throw new Error(`does not come to hold: ${holds}`)
  }

  async fallSilent(): Promise<void> {
    this.clock.advance(milliseconds(HEARTBEAT_LIMIT + 1))
  }

  async close(): Promise<void> {
    this.datapath.close()
  }

  handle(input: PortableInput): void {
    this.datapath.handle(input, this.clock.now())
    for (let output = this.datapath.poll(); output !== undefined; output = this.datapath.poll()) this.#act(output)
  }

  #act(output: PortableOutput): void {
    switch (output.kind) {
      case 'report':
        this.reports.push(output.report)
        break
      case 'to-port':
        this.delivered.push(output.packet)
        break
      case 'send':
        this.sent.push({ to: output.path.remote, datagram: output.datagram })
        break
      case 'open-socket': {
        const { socket, family } = output
        this.datapath.handle(
          { kind: 'socket-result', result: { kind: 'socket-opened', socket, family, port: FIRST_PORT + socket } },
          this.clock.now(),
        )
        break
      }
      case 'set-mark':
        this.datapath.handle(
          { kind: 'socket-result', result: { kind: 'mark-set', mark: output.mark } },
          this.clock.now(),
        )
        break
      case 'close-socket':
        break
    }
  }
}

function endpoint(text: string, port: number): Endpoint {
  return endpointOf(present(parseIp(text), text), port)
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is not ${what}`)
  return value
}
