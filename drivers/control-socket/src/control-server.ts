import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '@weft/base'
import { peerCredentials } from '@weft/native'
import { ControlError, systemCode } from './control-error.ts'
import type { ControlMethod } from './control-method.ts'
import { controlErrorOf, findMethod, parseParams, readParams, sendError, sendLine } from './control-request.ts'
import { listenAt } from './socket-path.ts'

/** Of Prometheus's text format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
/** A request that does not arrive whole within this is given up. */
const REQUEST_TIMEOUT_MS = 10_000
/** One user cannot keep the others out. */
const MAX_CONNECTIONS_PER_USER = 32
/** Methods under way have this long to end when the socket closes. */
const CLOSING_MS = 1_000

export type ControlRefusal =
  /** Not HTTP, or cut off before its end, or too slow. */
  'malformed' | 'bad-request' | 'unknown-method' | 'too-large' | 'denied' | 'too-many-connections'

export interface ControlServer {
  /** What was refused since the start, by reason. */
  refusals(): Readonly<Record<ControlRefusal, number>>
  /** Takes no more requests, aborts those under way, and removes the socket. */
  close(): Promise<void>
}

/**
 * Answers requests at a Unix socket: `POST /v1/METHOD` with a JSON body. The answer is JSON lines: `{ line }` for each that
 * the method emits, then `{ result }` or `{ error: { code, message } }`. A socket file that nobody listens at is replaced.
 * @throws {ControlError} `socket-busy`, `socket-unusable`.
 */
export async function serveControl(options: {
  readonly path: string
  readonly methods: Readonly<Record<string, ControlMethod>>
  readonly logger: Logger
  /** Answers `GET /metrics`, for everyone who may connect. */
  readonly metrics?: () => string
  /** Of the socket file; who may change something is decided by the caller's uid, not by it. */
  readonly mode?: number
}): Promise<ControlServer> {
  const desk = new ControlDesk(options.methods, options.logger, options.metrics)
  await listenAt(desk.server, options.path, options.mode ?? 0o666)
  return desk
}

class ControlDesk implements ControlServer {
  readonly server: Server
  readonly #methods: Readonly<Record<string, ControlMethod>>
  readonly #logger: Logger
  readonly #metrics: (() => string) | undefined
  readonly #callers = new WeakMap<Socket, number>()
  readonly #connections = new Map<number, number>()
  /** Whose request is being read: what is wrong with it is counted there. */
  readonly #reading = new WeakSet<Socket>()
  readonly #underWay = new Set<{ readonly controller: AbortController; readonly done: Promise<void> }>()
  readonly #refusals: Record<ControlRefusal, number> = {
    malformed: 0,
    'bad-request': 0,
    'unknown-method': 0,
    'too-large': 0,
    denied: 0,
    'too-many-connections': 0,
  }

  constructor(methods: Readonly<Record<string, ControlMethod>>, logger: Logger, metrics: (() => string) | undefined) {
    this.#methods = methods
    this.#metrics = metrics
    this.#logger = logger
    this.server = createServer({
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 8 * 1024,
    })
    this.server.on('connection', (socket: Socket) => this.#admit(socket))
    this.server.on('request', (request, response) => this.#take(request, response))
    this.server.on('clientError', (error, socket) => this.#onJunk(error, socket as Socket))
  }

  refusals(): Readonly<Record<ControlRefusal, number>> {
    return { ...this.#refusals }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const { controller } of this.#underWay) controller.abort()
    const ended = Promise.allSettled([...this.#underWay].map(({ done }) => done))
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, CLOSING_MS)
    await Promise.race([ended, late])
    clearTimeout(timer)
    this.server.closeAllConnections()
    await closed
  }

  #admit(socket: Socket): void {
    const uid = callerOf(socket)
    const count = uid === undefined ? 0 : (this.#connections.get(uid) ?? 0)
    if (uid === undefined || count >= MAX_CONNECTIONS_PER_USER) {
      this.#refuse('too-many-connections')
      socket.destroy()
      return
    }
    this.#callers.set(socket, uid)
    this.#connections.set(uid, count + 1)
    socket.once('close', () => this.#onClose(uid))
  }

  #onClose(uid: number): void {
    const count = (this.#connections.get(uid) ?? 1) - 1
    if (count === 0) this.#connections.delete(uid)
    else this.#connections.set(uid, count)
  }

  #onJunk(error: Error, socket: Socket): void {
    // A client that resets its connection after its answer has sent nothing wrong.
    if (systemCode(error) !== 'ECONNRESET' && !this.#reading.has(socket)) this.#refuse('malformed')
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')
    else socket.destroy()
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const controller = new AbortController()
    response.once('close', () => controller.abort())
    const done = this.#answer(request, response, controller.signal)
    const entry = { controller, done }
    this.#underWay.add(entry)
    void done.finally(() => this.#underWay.delete(entry))
  }

  async #answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    if (this.#metrics !== undefined && request.method === 'GET' && request.url === '/metrics') {
      response.setHeader('content-type', METRICS_TYPE).end(this.#metrics())
      return
    }
    const call = await this.#readCall(request, response)
    if (call === undefined) return
    try {
      const emit = (line: unknown) => sendLine(response, { line })
      const result = await call.run({ signal, uid: call.uid, emit })
      sendLine(response, { result: result ?? null })
    } catch (error) {
      const answer = controlErrorOf(error)
      if (answer.code === 'failed') this.#logger.error('control method failed', { reason: answer.message })
      sendError(response, answer)
    }
    await ended(response)
  }

  async #readCall(request: IncomingMessage, response: ServerResponse) {
    this.#reading.add(request.socket)
    try {
      const method = findMethod(request, this.#methods)
      const uid = this.#callers.get(request.socket)
      if (method.access === 'change' && uid !== 0 && uid !== process.getuid?.())
        throw new ControlError(
          'denied',
          'only root and the user that weft runs as may change something; try it with sudo',
        )
      const params = parseParams(method, await readParams(request, method.access))
      return { uid: uid ?? -1, run: (context: Parameters<ControlMethod['run']>[1]) => method.run(params, context) }
    } catch (error) {
      const answer = controlErrorOf(error)
      this.#refuse(answer.code in this.#refusals ? (answer.code as ControlRefusal) : 'malformed')
      sendError(response, answer)
      return undefined
    } finally {
      this.#reading.delete(request.socket)
    }
  }

  #refuse(reason: ControlRefusal): void {
    this.#refusals[reason]++
    this.#logger.debug('control request refused', { reason })
  }
}

function ended(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) resolve()
    else response.once('close', () => resolve())
    response.end()
  })
}

/** The uid, or `undefined` where the client has gone already. */
function callerOf(socket: Socket): number | undefined {
  const descriptor = (socket as unknown as { _handle?: { fd: number } | null })._handle?.fd
  if (descriptor === undefined || descriptor < 0) return undefined
  try {
    return peerCredentials(descriptor).uid
  } catch {
    return undefined
  }
}
