import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, type Duration, type IpAddress, type Logger, milliseconds, parseIp, type Random } from '@weft/base'
import { ChannelResponder, netmapParts } from '@weft/coordinator-protocol'
import type { CryptoProvider } from '@weft/keys'
import { asksFor, hangUp, originOf, takeUpgrades } from '@weft/relay/listening'
import type { WebSocket } from 'ws'
import {
  ChannelConnection,
  type ChannelDesk,
  type ConnectionLimits,
  type ConnectionOwner,
} from './channel-connection.ts'
import type { ChannelIdentity } from './channel-identity.ts'
import type { Counters, StrangerEvent } from './counters.ts'
import type { FeedOutput } from './netmap-feed.ts'

const PATH = '/v1/channel'
const SUBPROTOCOL = 'weft.channel.1'
/** How long nodes have to say good-bye when the coordinator closes, in ms. */
const CLOSING = 1_000

export interface ChannelLimits extends ConnectionLimits {
  /** Connections that are of no known device. Devices have room beside them. */
  readonly strangers: number
  /** Of those, from one address: an IPv4 address, or the /64 of an IPv6 one. */
  readonly strangersOfOneAddress: number
  readonly connections: number
  /** After a start, for devices that were online before. */
  readonly returning: Duration
}

export const defaultLimits: ChannelLimits = {
  handshake: milliseconds(10_000),
  registration: milliseconds(60_000),
  silence: milliseconds(15_000),
  frames: { burst: 200, perSecond: 50 },
  requests: { burst: 50, perSecond: 10 },
  waitingRequests: 16,
  backlog: 64 * 1024 * 1024,
  strangers: 512,
  strangersOfOneAddress: 64,
  connections: 20_000,
  returning: milliseconds(15_000),
}

interface ServerOptions {
  readonly desk: ChannelDesk
  /** For a connection that begins now. */
  readonly identity: () => ChannelIdentity
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly clock: Clock
  readonly counters: Counters
  readonly limits: ChannelLimits
  readonly logger: Logger
}

/** Takes WebSocket upgrades at `/v1/channel`, and bounds how many there are. */
export class ChannelServer implements ConnectionOwner {
  readonly #options: ServerOptions
  readonly #sockets = takeUpgrades(SUBPROTOCOL)
  readonly #connections = new Map<number, ChannelConnection>()
  readonly #strangers = new Set<ChannelConnection>()
  readonly #strangersFrom = new Map<string, number>()
  #lastNumber = 0
  #isClosing = false
  #onEmpty: (() => void) | undefined

  constructor(options: ServerOptions) {
    this.#options = options
    this.#sockets.on('wsClientError', (_error, socket) => {
      options.counters.count('upgrade-refused')
      hangUp(socket, '400 Bad Request')
    })
  }

  get size(): number {
    return this.#connections.size
  }

  tell({ subscribers, version, message }: FeedOutput): void {
    const parts = netmapParts(message, version)
    for (const subscriber of subscribers) this.#connections.get(subscriber)?.tell(parts)
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#refusalOf(request)
    if (refusal === undefined) {
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, sourceOf(request)))
      return
    }
    this.#options.counters.count(refusal.event)
    hangUp(socket, refusal.status)
  }

  /** A socket that a relay brought; `source` as the relay says. */
  brought(socket: WebSocket, source: IpAddress): void {
    if (this.#isFull(source)) {
      this.#options.counters.count('too-many-connections')
      socket.terminate()
      return
    }
    this.#accept(socket, source)
    socket.resume()
  }

  known(connection: ChannelConnection): void {
    if (!this.#strangers.delete(connection)) return
    const origin = originOf(connection.source)
    const left = (this.#strangersFrom.get(origin) ?? 1) - 1
    if (left === 0) this.#strangersFrom.delete(origin)
    else this.#strangersFrom.set(origin, left)
  }

  closed(connection: ChannelConnection): void {
    this.known(connection)
    this.#connections.delete(connection.number)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  /** Says good-bye to all nodes, and hangs up on those that do not answer. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#connections.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onEmpty = resolve
      for (const connection of this.#connections.values()) connection.close()
      const timer = setTimeout(() => this.#terminateAll(), CLOSING)
      await promise
      clearTimeout(timer)
    }
    this.#sockets.close()
  }

  #terminateAll(): void {
    for (const connection of this.#connections.values()) connection.terminate()
  }

  #refusalOf(request: IncomingMessage): { readonly event: StrangerEvent; readonly status: string } | undefined {
    if (request.url?.split('?', 1)[0] !== PATH) return { event: 'upgrade-refused', status: '404 Not Found' }
    if (!asksFor(request, SUBPROTOCOL)) return { event: 'upgrade-refused', status: '400 Bad Request' }
    return this.#isFull(sourceOf(request))
      ? { event: 'too-many-connections', status: '503 Service Unavailable' }
      : undefined
  }

  #isFull(source: IpAddress | undefined): boolean {
    const { limits } = this.#options
    return (
      this.#isClosing ||
      this.#connections.size >= limits.connections ||
      this.#strangers.size >= limits.strangers ||
      (this.#strangersFrom.get(originOf(source)) ?? 0) >= limits.strangersOfOneAddress
    )
  }

  #accept(socket: WebSocket, source: IpAddress | undefined): void {
    const { desk, limits, clock, counters, logger, crypto, random, identity } = this.#options
    const connection = new ChannelConnection({
      number: ++this.#lastNumber,
      socket,
      source,
      channel: new ChannelResponder({ crypto, random, ...identity() }),
      desk,
      owner: this,
      limits,
      clock,
      counters,
      logger,
    })
    this.#connections.set(connection.number, connection)
    this.#strangers.add(connection)
    const origin = originOf(source)
    this.#strangersFrom.set(origin, (this.#strangersFrom.get(origin) ?? 0) + 1)
  }
}

const sourceOf = (request: IncomingMessage): IpAddress | undefined => parseIp(request.socket.remoteAddress ?? '')
