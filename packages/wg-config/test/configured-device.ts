import { endpointOf, type IpAddress, instant, type Now, utf8, wallTime } from '@weft/base'
import type { DatapathCommand, PeerMeter, SocketId } from '@weft/datapath'
import { portableCrypto } from '@weft/keys/portable'
import { seededRandom } from '@weft/testing'
import type { PeerIndex } from '@weft/wireguard'
import { RequestReader, WgDevice, type WgInput } from '../src/index.ts'

const FIRST_PORT = 40_000

/** A device with a fast path that opens every socket but those of `takenPorts`, and tells what it was told. */
export class ConfiguredDevice {
  readonly commands: DatapathCommand[] = []
  readonly answers = new Map<number, string>()
  readonly takenPorts = new Set<number>()
  readonly meters = new Map<PeerIndex, PeerMeter>()
  /** Marks cannot be had. */
  refusesMarks = false
  /** Whether sockets are answered at once. */
  opensAtOnce = true
  readonly #device: WgDevice
  readonly #opening: Extract<DatapathCommand, { kind: 'open-socket' }>[] = []
  #now: Now = { instant: instant(1000), wall: wallTime(1_700_000_000_123) }
  #nextPort = FIRST_PORT

  constructor() {
    this.#device = new WgDevice({
      crypto: portableCrypto,
      random: seededRandom(7),
      meters: { meter: (peer) => this.meters.get(peer) ?? NOTHING },
      mtu: 1420,
    })
    this.#drain()
  }

  /** What a client that sends these lines is answered; `undefined` where it has to wait. */
  ask(lines: string, client = 0): string | undefined {
    this.answers.delete(client)
    const reader = new RequestReader()
    reader.push(utf8(`${lines}\n\n`))
    for (let request = reader.next(); request !== undefined; request = reader.next())
      this.tell({ kind: 'request', client, request })
    return this.answers.get(client)
  }

  set(...lines: readonly string[]): string | undefined {
    return this.ask(['set=1', ...lines].join('\n'))
  }

  get(): string {
    return this.ask('get=1') ?? ''
  }

  tell(input: WgInput): void {
    this.#device.handle(input, this.#now)
    this.#drain()
  }

  /** All commands of a kind since the last look. */
  take<Kind extends DatapathCommand['kind']>(kind: Kind): readonly Extract<DatapathCommand, { kind: Kind }>[] {
    const found = this.commands.filter((command) => command.kind === kind)
    for (const command of found) this.commands.splice(this.commands.indexOf(command), 1)
    return found as Extract<DatapathCommand, { kind: Kind }>[]
  }

  openSockets(): void {
    for (let next = this.#opening.shift(); next !== undefined; next = this.#opening.shift()) this.#open(next)
  }

  #open({ socket, family, port }: { socket: SocketId; family: 4 | 6; port: number }): void {
    const report = this.takenPorts.has(port)
      ? ({ kind: 'socket-failed', socket, code: 'EADDRINUSE' } as const)
      : ({ kind: 'socket-opened', socket, family, port: port === 0 ? this.#nextPort++ : port } as const)
    this.tell({ kind: 'report', report })
  }

  #answerMark(mark: number): void {
    this.tell({
      kind: 'report',
      report: this.refusesMarks ? { kind: 'mark-refused', mark, code: 'EPERM' } : { kind: 'mark-set', mark },
    })
  }

  #drain(): void {
    for (let output = this.#device.poll(); output !== undefined; output = this.#device.poll()) {
      if (output.kind === 'answer') this.answers.set(output.client, output.text)
      if (output.kind !== 'datapath') continue
      this.commands.push(output.command)
      if (output.command.kind === 'open-socket') this.#opening.push(output.command)
      if (output.command.kind === 'set-mark') this.#answerMark(output.command.mark)
    }
    if (this.opensAtOnce) this.openSockets()
  }
}

export const remote = (text: string, port: number) => endpointOf(text as IpAddress, port)

const NOTHING: PeerMeter = {
  sentBytes: 0,
  receivedBytes: 0,
  lastSent: undefined,
  lastReceived: undefined,
  unansweredSince: undefined,
  owedSince: undefined,
}
