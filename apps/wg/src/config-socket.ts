import { chmodSync, lstatSync, mkdirSync, type Stats, unlinkSync, watch } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type ClientId, type Request, RequestReader } from '@weft/wg-config'
import { WgError } from './wg-error.ts'

const DIRECTORY = '/var/run/wireguard'
/** More than anyone asks with at once; further ones are hung up on. */
const MAX_CLIENTS = 64

export const socketPath = (name: string): string => `${DIRECTORY}/${name}.sock`

interface ConfigSocketOptions {
  readonly path: string
  /** Of a socket that listens already at the path. */
  readonly fd: number | undefined
  readonly onRequest: (client: ClientId, request: Request) => void
  /** The socket's file was deleted. */
  readonly onDeleted: () => void
}

/** The Unix socket at which an interface is configured. Each client is answered one request at a time, in its order. */
export class ConfigSocket {
  readonly #path: string
  readonly #server: Server
  readonly #file: Stats
  readonly #clients = new Map<ClientId, Client>()
  readonly #onRequest: ConfigSocketOptions['onRequest']
  readonly #watcher: { close(): void }
  #nextClient = 0
  #isClosed = false

  private constructor(options: ConfigSocketOptions, server: Server) {
    this.#path = options.path
    this.#server = server
    this.#onRequest = options.onRequest
    this.#file = lstatSync(options.path)
    server.on('connection', (socket) => this.#accept(socket))
    this.#watcher = watch(dirname(options.path), () => {
      if (!this.#isClosed && !this.#isThere()) options.onDeleted()
    })
  }

  /** @throws {WgError} `socket-busy`, `socket-failed` */
  static async open(options: ConfigSocketOptions): Promise<ConfigSocket> {
    const { path, fd } = options
    if (fd === undefined) await makeRoom(path)
    const server = createServer({ pauseOnConnect: false })
    try {
      await listen(server, fd === undefined ? { path } : { fd })
      if (fd === undefined) chmodSync(path, 0o600)
      return new ConfigSocket(options, server)
    } catch (error) {
      server.close()
      throw new WgError('socket-failed', `cannot listen at ${path}: ${reasonOf(error)}`, error)
    }
  }

  answer(client: ClientId, text: string, isLast: boolean): void {
    this.#clients.get(client)?.answer(text, isLast)
  }

  /** The file is taken away where it is still the own one. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watcher.close()
    if (this.#isThere()) unlinkSync(this.#path)
    this.#server.close()
    for (const client of this.#clients.values()) client.close()
  }

  #accept(socket: Socket): void {
    if (this.#clients.size === MAX_CLIENTS) {
      socket.destroy()
      return
    }
    const id = this.#nextClient++
    this.#clients.set(id, new Client(socket, (request) => this.#onRequest(id, request)))
    socket.once('close', () => this.#clients.delete(id))
  }

  #isThere(): boolean {
    const found = lstatSync(this.#path, { throwIfNoEntry: false })
    return found !== undefined && found.ino === this.#file.ino && found.dev === this.#file.dev
  }
}

/** One connection: it is read on only when what it asked is answered and the answer taken. */
class Client {
  readonly #socket: Socket
  readonly #reader = new RequestReader()
  readonly #onRequest: (request: Request) => void
  #isAsking = false

  constructor(socket: Socket, onRequest: (request: Request) => void) {
    this.#socket = socket
    this.#onRequest = onRequest
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      this.#reader.push(bytes)
      this.#ask()
    })
  }

  answer(text: string, isLast: boolean): void {
    if (isLast) {
      this.#socket.end(text)
      return
    }
    this.#socket.write(text, () => {
      this.#isAsking = false
      this.#socket.resume()
      this.#ask()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #ask(): void {
    if (this.#isAsking) return
    const request = this.#reader.next()
    if (request === undefined) return
    this.#isAsking = true
    this.#socket.pause()
    this.#onRequest(request)
  }
}

/** What a process left that is no more is taken away; one that answers is not. */
async function makeRoom(path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return
    if (await isAnswered(path))
      throw new WgError('socket-busy', `${path} is in use by another process: choose another name, or end that one`)
    unlinkSync(path)
  } catch (error) {
    if (error instanceof WgError) throw error
    throw new WgError('socket-failed', `cannot make ${path}: ${reasonOf(error)}`, error)
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function listen(server: Server, where: { readonly path: string } | { readonly fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const before = process.umask(0o177)
    server.listen(where, resolve)
    process.umask(before)
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
