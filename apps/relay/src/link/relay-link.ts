import { assertNever, type Clock, CoreRunner, type DatagramRun, type IpAddress, parseIp } from '@weft/base'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import type { NodeId } from '@weft/keys'
import { systemAlarm } from '@weft/linux'
import {
  type KnockOutcome,
  RelayClient,
  type RelayClientInput,
  type RelayClientOutput,
  type RelayClientState,
  type RelayVisitor,
} from '@weft/relay-protocol'
import { RelaySocket } from './relay-socket.ts'

export type RelayWelcome = Omit<Extract<RelayClientOutput<string>, { kind: 'welcome' }>, 'kind'>

/** Who is told what comes by a relay. */
export interface RelayLinkListener {
  onState(state: RelayClientState): void
  onDatagrams?(from: NodeId, run: DatagramRun): void
  onAbsent?(node: NodeId): void
  /** Only to the coordinator: somebody waits for it at that URL of the relay. */
  onCaller?(place: string, caller: { readonly token: Uint8Array; readonly source: IpAddress }): void
  /** Only to the coordinator: what came of a `knock`. */
  onKnocked?(token: Uint8Array, outcome: KnockOutcome): void
  /** Only to the coordinator, and before `connected`. */
  onWelcome?(welcome: RelayWelcome): void
}

/** A `RelayClient` with its WebSockets. */
export class RelayLink {
  readonly #listener: RelayLinkListener
  readonly #alarm = systemAlarm()
  readonly #runner: CoreRunner<RelayClientInput<string>, RelayClientOutput<string>>
  readonly #sockets = new Map<number, RelaySocket>()
  readonly #placeOf = new Map<number, string>()

  constructor(options: {
    /** Whichever answers, where absent. */
    readonly relay?: NodeId
    /** Its URLs, `http(s)://…`. */
    readonly places: readonly string[]
    readonly visitor: RelayVisitor
    readonly clock: Clock
    readonly listener: RelayLinkListener
  }) {
    const { clock, listener, ...client } = options
    this.#listener = listener
    this.#runner = new CoreRunner<RelayClientInput<string>, RelayClientOutput<string>>({
      core: new RelayClient({ crypto: nativeCrypto, random: systemRandom, ...client }),
      clock,
      alarm: this.#alarm,
      act: (output) => this.#act(output),
    })
    this.#runner.tell({ kind: 'start' })
  }

  setPlaces(places: readonly string[]): void {
    this.#runner.tell({ kind: 'places', places })
  }

  send(to: NodeId, run: DatagramRun): void {
    this.#runner.tell({ kind: 'send', to, run })
  }

  /** By the coordinator; it is told again by whoever hears `connected`. */
  revoke(revocations: readonly Uint8Array[]): void {
    for (const revocation of revocations) this.#runner.tell({ kind: 'revoke', revocation })
  }

  /** By the coordinator, of a relay that welcomed it in version 2. */
  knock(token: Uint8Array, port: number): void {
    this.#runner.tell({ kind: 'knock', token, port })
  }

  doubt(): void {
    this.#runner.tell({ kind: 'doubt' })
  }

  /** A connection from an address that is gone would be waited for in vain. */
  networkChanged(addresses: ReadonlySet<string>): void {
    for (const [connection, socket] of this.#sockets) {
      const local = parseIp(socket.localAddress ?? '')
      if (local === undefined || addresses.has(local)) continue
      socket.close()
      this.#forget(connection)
      this.#runner.tell({ kind: 'closed', connection, reason: 'the network changed' })
    }
    this.#runner.tell({ kind: 'doubt' })
  }

  stop(): void {
    this.#runner.tell({ kind: 'stop' })
    this.#alarm.set(undefined, () => undefined)
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #act(output: RelayClientOutput<string>): void {
    switch (output.kind) {
      case 'connect':
        this.#connect(output.connection, output.place)
        return
      case 'disconnect':
        this.#sockets.get(output.connection)?.close()
        this.#forget(output.connection)
        return
      case 'send':
        this.#sockets.get(output.connection)?.send(output.frames)
        return
      case 'datagrams':
        this.#listener.onDatagrams?.(output.from, output.run)
        return
      case 'absent':
        this.#listener.onAbsent?.(output.node)
        return
      case 'caller':
        this.#listener.onCaller?.(this.#placeOf.get(output.connection) ?? '', output)
        return
      case 'knocked':
        this.#listener.onKnocked?.(output.token, output.outcome)
        return
      case 'welcome':
        this.#listener.onWelcome?.(output)
        return
      case 'state':
        this.#listener.onState(output)
        return
      default:
        assertNever(output)
    }
  }

  #connect(connection: number, place: string): void {
    this.#placeOf.set(connection, place)
    const socket = new RelaySocket(place, {
      onOpen: (version) => this.#runner.tell({ kind: 'opened', connection, version }),
      onMessage: (message) => this.#runner.tell({ kind: 'received', connection, message }),
      onClose: (reason) => {
        this.#forget(connection)
        this.#runner.tell({ kind: 'closed', connection, reason })
      },
    })
    this.#sockets.set(connection, socket)
  }

  #forget(connection: number): void {
    this.#sockets.delete(connection)
    this.#placeOf.delete(connection)
  }
}
