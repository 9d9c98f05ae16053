import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type IpAddress, parseIp } from '@weft/base'
import { hangUp, type ListenAddress, listenOn } from './listening/index.ts'
import type { RelayServer } from './relay-server.ts'

const REQUEST_TIMEOUT_MS = 10_000
const MAX_HEADERS = 8 * 1_024
/** Sockets of all kinds, above what relay clients are bounded to. */
const MAX_SOCKETS = 12_000

/** The HTTP server of a relay that runs alone: `/healthz` for who looks after it, and clients upgrade. */
export class RelayHttp {
  readonly #server: Server

  constructor(relay: () => RelayServer | undefined) {
    this.#server = createServer(
      {
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: MAX_HEADERS,
      },
      (request, response) => answer(request, response, relay() !== undefined),
    )
    this.#server.maxConnections = MAX_SOCKETS
    this.#server.on('upgrade', (request, socket, head) => {
      const server = relay()
      if (server?.serves(request)) server.upgrade(request, socket, head)
      else hangUp(socket, '404 Not Found')
    })
    this.#server.on('clientError', (_error, socket) => hangUp(socket, '400 Bad Request'))
  }

  /** Where it listens then. @throws {ListenError} */
  async listen(listen: ListenAddress): Promise<{ readonly host: IpAddress; readonly port: number }> {
    const bound = await listenOn(listen, async (host, port) => {
      this.#server.listen({ host, port })
      await once(this.#server, 'listening')
    })
    const { address, port } = this.#server.address() as AddressInfo
    return { host: parseIp(address) ?? bound, port }
  }

  /** Takes nobody any more. */
  async close(): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

function answer(request: IncomingMessage, response: ServerResponse, isReady: boolean): void {
  request.resume()
  const isAsked = request.url === '/healthz' && (request.method === 'GET' || request.method === 'HEAD')
  const status = isAsked ? (isReady ? 200 : 503) : 404
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(isAsked ? JSON.stringify({ status: isReady ? 'ok' : 'starting', channel: 1, relay: 1 }) : '{}')
}
