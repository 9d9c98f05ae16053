import type { Server } from 'node:http'
import { type IpAddress, parseIp } from '@weft/base'
import { hangUp, type ListenAddress, listenOn } from '@weft/relay/listening'
import { KNOCK_PATH } from '@weft/relay-protocol'
import Fastify, { type FastifyInstance } from 'fastify'
import type { ChannelServer } from './channel-server.ts'
import type { Counters } from './counters.ts'
import type { Knocks } from './knocks.ts'
import type { RelayHandler } from './relay-beside.ts'

const REQUEST_TIMEOUT_MS = 10_000
const MAX_BODY = 1_024
const MAX_HEADERS = 8 * 1_024
const CHANNEL_VERSION = 1
/** Sockets of all kinds, above what channels are bounded to. */
const MAX_SOCKETS = 25_000

interface ServedParts {
  readonly channels: ChannelServer
  readonly knocks: Knocks
  readonly relay?: RelayHandler
}

/** HTTP for people and programs that look after the coordinator; nodes upgrade to the channel. */
export class HttpServer {
  readonly #app: FastifyInstance<Server>

  #parts: ServedParts | undefined

  constructor(counters: Counters) {
    this.#app = Fastify({
      logger: false,
      bodyLimit: MAX_BODY,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      forceCloseConnections: true,
      http: { maxHeaderSize: MAX_HEADERS, headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
      clientErrorHandler: (error, socket) => {
        if (error.code !== 'ECONNRESET') counters.count('http-malformed')
        hangUp(socket, '400 Bad Request')
      },
    })
    this.#app.get('/healthz', (_request, reply) => {
      const isReady = this.#parts !== undefined
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ok' : 'starting', channel: CHANNEL_VERSION })
    })
    this.#app.get<{ Params: { token: string } }>(`${KNOCK_PATH}:token`, ({ params }, reply) =>
      reply.code(this.#parts?.knocks.heard(params.token) ? 204 : 404).send(),
    )
    this.#app.server.maxConnections = MAX_SOCKETS
    this.#app.server.on('upgrade', (request, socket, head) => {
      const { channels, relay } = this.#parts ?? {}
      if (relay?.serves(request)) relay.upgrade(request, socket, head)
      else if (channels === undefined) socket.destroy()
      else channels.upgrade(request, socket, head)
    })
  }

  /** From now on nodes are let in. */
  serve(parts: ServedParts): void {
    this.#parts = parts
  }

  /** Where it listens then. @throws {ListenError} */
  async listen(listen: ListenAddress): Promise<{ readonly host: IpAddress; readonly port: number }> {
    await listenOn(listen, async (host, port) => void (await this.#app.listen({ host, port })))
    return this.#bound()
  }

  /** Takes nobody any more. */
  async close(): Promise<void> {
    await this.#app.close()
  }

  #bound(): { readonly host: IpAddress; readonly port: number } {
    const bound = this.#app.server.address()
    const host = typeof bound === 'object' && bound !== null ? parseIp(bound.address) : undefined
    if (host === undefined || typeof bound !== 'object' || bound === null)
      throw new Error('the server is bound to nothing')
    return { host, port: bound.port }
  }
}
