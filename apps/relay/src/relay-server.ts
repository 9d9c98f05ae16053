import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { assertNever, type Clock, type IpAddress, type Logger, parseIp } from '@weft/base'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import { type Caller, type Client, type HubOptions, type HubOutput, RelayHub, SWEEP_EVERY } from '@weft/relay-protocol'
import type { RawData, WebSocket } from 'ws'
import { Callers } from './callers.ts'
import { knock } from './knock.ts'
import { asksFor, hangUp, originOf, takeUpgrades } from './listening/index.ts'

const PATH = '/v1/relay'
/** As at the coordinator itself. */
const CHANNEL_PATH = '/v1/channel'
const SUBPROTOCOLS = ['weft.relay.2', 'weft.relay.1'] as const satisfies readonly string[]
/** Until a connection is a member's, in ms. */
const ADMISSION_MS = 10_000
/** Nodes say something at least every 25 s. */
const SILENCE_MS = 60_000
/** How long nodes have to go elsewhere when the relay closes. */
const DRAINING_MS = 1_000
/** What the system has not taken yet; until there is room again, the rest waits in the hub, where it is fair and bounded. */
const SOCKET_BYTES = 256 * 1024
// RFC 6455 §7.4.1
const GOING_AWAY = 1001
const UNSUPPORTED = 1003
const POLICY = 1008

const NORMAL_ENDS: ReadonlySet<string> = new Set(['replaced', 'silent', 'certificate-expired'])

export interface RelayLimits {
  readonly connections: number
  /** Connections that are no member's yet. */
  readonly strangers: number
  /** Of those, from one address: an IPv4 address, or the /64 of an IPv6 one. */
  readonly strangersOfOneAddress: number
}

export const defaultRelayLimits: RelayLimits = { connections: 10_000, strangers: 512, strangersOfOneAddress: 64 }

interface Connection {
  readonly socket: WebSocket
  readonly origin: string
  readonly silence: NodeJS.Timeout
  admission: NodeJS.Timeout | undefined
  isReady: boolean
}

/** A relay: takes WebSocket upgrades at `/v1/relay` of a server that is there already, and carries sealed datagrams between members. */
export class RelayServer {
  readonly #hub: RelayHub
  readonly #clock: Clock
  readonly #logger: Logger
  /** Reasons that the log has told of. */
  readonly #told = new Set<string>()
  readonly #limits: RelayLimits
  readonly #sockets = takeUpgrades(...SUBPROTOCOLS)
  readonly #connections = new Map<Client, Connection>()
  /** At a relay elsewhere. */
  readonly #callers: Callers | undefined
  readonly #strangersFrom = new Map<string, number>()
  readonly #sweep: NodeJS.Timeout
  /** Who has something to be sent, gathered while messages are read, so that they go out as few. */
  readonly #ready = new Set<Client>()
  #strangers = 0
  #lastClient = 0
  #isFlushing = false
  #isClosing = false
  #refused = 0
  #onEmpty: (() => void) | undefined

  constructor(
    options: Pick<HubOptions, 'mesh' | 'id' | 'elsewhere'> & {
      readonly clock: Clock
      readonly logger: Logger
      readonly limits?: RelayLimits
    },
  ) {
    const { clock, logger, limits, ...hub } = options
    this.#hub = new RelayHub({ ...hub, crypto: nativeCrypto, random: systemRandom })
    this.#clock = clock
    this.#logger = logger
    this.#limits = limits ?? defaultRelayLimits
    if (options.elsewhere !== undefined)
      this.#callers = new Callers({
        called: (caller, source) => this.#called(caller, source),
        hungUp: (caller) => this.#hub.hungUp(caller),
      })
    this.#sweep = setInterval(() => {
      this.#hub.sweep(this.#clock())
      this.#drain()
    }, SWEEP_EVERY)
    this.#sweep.unref()
  }

  /** Nodes that are here, connections, and what went no further, by reason. */
  status(): {
    readonly nodes: number
    readonly connections: number
    /** Devices that speak with the coordinator by this relay, or wait for it. */
    readonly callers: number
    readonly dropped: Readonly<Record<string, number>>
  } {
    const refused: Record<string, number> = this.#refused === 0 ? {} : { 'upgrade-refused': this.#refused }
    return {
      nodes: this.#hub.nodes,
      connections: this.#connections.size,
      callers: this.#callers?.size ?? 0,
      dropped: { ...this.#hub.counts(), ...refused },
    }
  }

  /** From now on nobody whom these concern is let in, and whoever is here goes. */
  revoke(revocations: readonly Uint8Array[]): void {
    this.#hub.revoke(revocations, this.#clock())
    this.#drain()
  }

  /** Whether the request is for the relay: then `upgrade` answers it. */
  serves(request: IncomingMessage): boolean {
    const path = pathOf(request)
    return path === PATH || (path === CHANNEL_PATH && this.#callers !== undefined)
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const source = parseIp(request.socket.remoteAddress ?? '')
    const origin = originOf(source)
    if (pathOf(request) === CHANNEL_PATH) {
      const isTaken = source !== undefined && !this.#isClosing && this.#callers?.upgrade(request, socket, head, source)
      if (!isTaken) this.#refuse(socket, '503 Service Unavailable')
      return
    }
    const refusal = this.#refusalOf(request, origin)
    if (refusal === undefined) {
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, source))
      return
    }
    this.#refuse(socket, refusal)
  }

  /** Tells all nodes to go elsewhere, lets what waits go out, and hangs up. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#callers?.close()
    clearInterval(this.#sweep)
    if (this.#connections.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onEmpty = resolve
      this.#hub.drain()
      this.#drain()
      const goodBye = setTimeout(() => {
        for (const { socket } of this.#connections.values()) socket.close(GOING_AWAY)
      }, DRAINING_MS / 2)
      const timer = setTimeout(() => {
        for (const { socket } of this.#connections.values()) socket.terminate()
      }, DRAINING_MS)
      await promise
      clearTimeout(goodBye)
      clearTimeout(timer)
    }
    this.#sockets.close()
  }

  #refuse(socket: Duplex, status: string): void {
    this.#refused++
    hangUp(socket, status)
  }

  #called(caller: Caller, source: IpAddress): boolean {
    const isThere = this.#hub.called(caller, source)
    this.#drain()
    return isThere
  }

  #refusalOf(request: IncomingMessage, origin: string): string | undefined {
    if (!asksFor(request, ...SUBPROTOCOLS)) return '400 Bad Request'
    const isFull =
      this.#isClosing ||
      this.#connections.size >= this.#limits.connections ||
      this.#strangers >= this.#limits.strangers ||
      (this.#strangersFrom.get(origin) ?? 0) >= this.#limits.strangersOfOneAddress
    return isFull ? '503 Service Unavailable' : undefined
  }

  #accept(socket: WebSocket, source: IpAddress | undefined): void {
    const origin = originOf(source)
    const client = ++this.#lastClient
    this.#connections.set(client, {
      socket,
      origin,
      silence: setTimeout(() => this.#end(client, POLICY, 'silent'), SILENCE_MS),
      admission: setTimeout(() => this.#end(client, POLICY, 'admission-timeout'), ADMISSION_MS),
      isReady: true,
    })
    this.#strangers++
    this.#strangersFrom.set(origin, (this.#strangersFrom.get(origin) ?? 0) + 1)
    socket.on('message', (data, isBinary) => this.#receive(client, data, isBinary))
    socket.on('error', () => {})
    socket.on('close', () => this.#onClosed(client))
    this.#hub.opened(client, source)
    this.#drain()
  }

  #receive(client: Client, data: RawData, isBinary: boolean): void {
    const connection = this.#connections.get(client)
    if (connection === undefined) return
    connection.silence.refresh()
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#end(client, UNSUPPORTED, 'message-malformed')
      return
    }
    this.#hub.received(client, data, this.#clock())
    this.#drain()
  }

  #drain(): void {
    for (let output = this.#hub.poll(); output !== undefined; output = this.#hub.poll()) this.#act(output)
    if (this.#ready.size === 0 || this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => {
      this.#isFlushing = false
      const ready = [...this.#ready]
      this.#ready.clear()
      for (const client of ready) this.#flush(client)
    })
  }

  #act(output: HubOutput): void {
    switch (output.kind) {
      case 'ready':
        this.#ready.add(output.client)
        return
      case 'admitted':
        this.#onAdmitted(output.client)
        if (output.node === undefined) this.#logger.info('coordinator connected')
        else this.#logger.debug('relay client', { node: output.node })
        return
      case 'answered':
        this.#onAnswered(output.client, output.caller)
        return
      case 'knock':
        void this.#knock(output)
        return
      case 'close':
        this.#end(output.client, POLICY, output.detail ?? output.reason)
        return
      default:
        assertNever(output)
    }
  }

  async #knock({ client, token, at }: Extract<HubOutput, { kind: 'knock' }>): Promise<void> {
    const outcome = await knock(at, token)
    this.#hub.knocked(client, token, outcome)
    this.#drain()
  }

  /** Sends what waits, as long as the system takes it. */
  #flush(client: Client): void {
    const connection = this.#connections.get(client)
    if (connection === undefined) return
    const { socket } = connection
    while (socket.bufferedAmount < SOCKET_BYTES) {
      const message = this.#hub.take(client)
      if (message === undefined) return
      socket.send(message, () => {
        if (connection.isReady || socket.bufferedAmount >= SOCKET_BYTES) return
        connection.isReady = true
        this.#ready.add(client)
        this.#drain()
      })
    }
    connection.isReady = false
  }

  #onAdmitted(client: Client): void {
    const connection = this.#connections.get(client)
    if (connection !== undefined) this.#noStranger(connection)
  }

  /** The socket is a caller's from here on. */
  #onAnswered(client: Client, caller: Caller): void {
    const connection = this.#connections.get(client)
    if (connection === undefined) return
    const { socket } = connection
    socket.removeAllListeners()
    this.#onClosed(client)
    this.#callers?.answered(caller, socket)
  }

  #noStranger(connection: Connection): void {
    if (connection.admission === undefined) return
    clearTimeout(connection.admission)
    connection.admission = undefined
    this.#strangers--
    const left = (this.#strangersFrom.get(connection.origin) ?? 1) - 1
    if (left === 0) this.#strangersFrom.delete(connection.origin)
    else this.#strangersFrom.set(connection.origin, left)
  }

  #end(client: Client, code: number, reason: string): void {
    const connection = this.#connections.get(client)
    if (connection === undefined) return
    this.#logger.debug('relay client refused', { client, reason })
    this.#tellOnce(reason)
    connection.socket.close(code, reason)
    // `ws` waits 30 s for the other side's close frame.
    setTimeout(() => connection.socket.terminate(), 1_000).unref()
  }

  /** Strangers and faulty clients come often: the log has each reason once, and the status counts them. */
  #tellOnce(reason: string): void {
    if (this.#told.has(reason) || NORMAL_ENDS.has(reason)) return
    this.#told.add(reason)
    this.#logger.warn('relay refuses clients', { reason, action: 'counted from now on' })
  }

  #onClosed(client: Client): void {
    const connection = this.#connections.get(client)
    if (connection === undefined) return
    clearTimeout(connection.silence)
    this.#noStranger(connection)
    this.#connections.delete(client)
    this.#ready.delete(client)
    this.#hub.closed(client)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }
}

const pathOf = (request: IncomingMessage): string | undefined => request.url?.split('?', 1)[0]
