import { once } from 'node:events'
import { createServer } from 'node:http'
import { METRICS_TYPE } from '@weft/metrics'
import type { ListenAddress } from './arguments.ts'
import { CliError, codeOf } from './failure.ts'

/** Prometheus asks a few times a minute. */
const MAX_CONNECTIONS = 32
const REQUEST_TIMEOUT_MS = 10_000

/** `GET /metrics` for whoever reaches the address. @throws {CliError} `metrics-refused` */
export async function serveMetrics({ host, port }: ListenAddress, read: () => string): Promise<AsyncDisposable> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8 * 1024 }, (request, response) => {
    const isAsked = request.url === '/metrics' && (request.method === 'GET' || request.method === 'HEAD')
    response.setHeader('connection', 'close')
    if (isAsked) response.setHeader('content-type', METRICS_TYPE).end(read())
    else response.writeHead(404).end('there is GET /metrics\n')
    request.resume()
  })
  server.maxConnections = MAX_CONNECTIONS
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new CliError(
      'metrics-refused',
      `cannot answer metrics at ${host} port ${port}: ${codeOf(error) ?? String(error)}; give another --metrics HOST:PORT`,
      error,
    )
  }
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
