import { assertNever, type Clock, type Duration, type IpAddress, type Logger, type Rate, TokenBucket } from '@weft/base'
import type { ChannelResponder, MessageParts, ResponderOutput } from '@weft/coordinator-protocol'
import type { PublicKey } from '@weft/keys'
import type { RawData, WebSocket } from 'ws'
import type { Counters, StrangerEvent } from './counters.ts'

/** What one connection may do. */
export interface ConnectionLimits {
  /** Until the channel is open. */
  readonly handshake: Duration
  /** Until an open channel is that of a device. */
  readonly registration: Duration
  /** Nodes ping twice within it: docs/protocols/channel.md. */
  readonly silence: Duration
  readonly frames: Rate
  readonly requests: Rate
  /** Requests that wait for their turn. */
  readonly waitingRequests: number
  /** Bytes that wait because the node reads too slowly: it comes again, and is told what changed since. */
  readonly backlog: number
}

/** Who answers what comes through a channel. */
export interface ChannelDesk {
  /** Never throws. */
  read(connection: ChannelConnection, message: string): Answered | Work
  isDevice(key: PublicKey<'channel'>): boolean
  closed(connection: ChannelConnection): void
}

/** Whoever keeps the connections. */
export interface ConnectionOwner {
  /** The channel is that of a device of the mesh. */
  known(connection: ChannelConnection): void
  closed(connection: ChannelConnection): void
}

export type Answered =
  /** What was sent is no request: the connection ends. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'answer'; readonly message: string; readonly afterwards?: () => void }

/** A request that takes its time, and its turn. */
export interface Work {
  readonly kind: 'work'
  /** Never fails. */
  run(): Promise<Answered>
  /** Instead, where there are too many. */
  refuse(): Answered
}

// RFC 6455 §7.4.1
const UNSUPPORTED = 1003
const POLICY = 1008
const GOING_AWAY = 1001

/**
 * One WebSocket and the channel in it. A connection waits for its handshake, then serves requests one after the other in
 * the order they came, and answers pings at once. Everything that is wrong with what it sends is counted and ends it; a stranger's costs nobody else.
 */
export class ChannelConnection {
  readonly source: IpAddress | undefined
  readonly number: number
  readonly #socket: WebSocket
  readonly #channel: ChannelResponder
  readonly #desk: ChannelDesk
  readonly #owner: ConnectionOwner
  readonly #limits: ConnectionLimits
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #logger: Logger
  readonly #frames: TokenBucket
  readonly #requests: TokenBucket
  readonly #silence: NodeJS.Timeout
  /** Until the channel is open, then until it is a device's. */
  #deadline: NodeJS.Timeout
  #isKnown = false
  #heard = 0
  #remoteKey: PublicKey<'channel'> | undefined
  #version = 0
  #turn: Promise<void> = Promise.resolve()
  #waiting = 0
  #isOver = false

  constructor(options: {
    readonly number: number
    readonly socket: WebSocket
    readonly source: IpAddress | undefined
    readonly channel: ChannelResponder
    readonly desk: ChannelDesk
    readonly owner: ConnectionOwner
    readonly limits: ConnectionLimits
    readonly clock: Clock
    readonly counters: Counters
    readonly logger: Logger
  }) {
    this.number = options.number
    this.source = options.source
    this.#socket = options.socket
    this.#channel = options.channel
    this.#desk = options.desk
    this.#owner = options.owner
    this.#limits = options.limits
    this.#clock = options.clock
    this.#counters = options.counters
    this.#logger = options.logger
    this.#frames = new TokenBucket(this.#limits.frames)
    this.#requests = new TokenBucket(this.#limits.requests)
    this.#deadline = setTimeout(() => this.#end('handshake-timeout', POLICY), this.#limits.handshake)
    this.#silence = setTimeout(() => this.#onSilence(), this.#limits.silence)
    this.#listen()
    this.#drain()
  }

  /** The node's channel key, proven; `undefined` until the channel is open. */
  get remoteKey(): PublicKey<'channel'> | undefined {
    return this.#remoteKey
  }

  /** Of the messages; 0 until the channel is open. */
  get version(): number {
    return this.#version
  }

  tell(message: string | MessageParts): void {
    if (this.#isOver) return
    this.#channel.send(message)
    this.#drain()
    if (this.#socket.bufferedAmount > this.#limits.backlog) this.#end('backlog', POLICY)
  }

  /** After what was sent; at once where the node does not answer. */
  close(): void {
    this.#socket.close(GOING_AWAY)
  }

  /** After the answers to what was asked so far. */
  finish(): void {
    void this.#turn.then(() => this.close())
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** What came while the coordinator itself was held up is read before anybody is called silent. */
  #onSilence(): void {
    const heard = this.#heard
    setImmediate(() => {
      if (this.#heard === heard) this.#end('silent', POLICY)
    })
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('error', (error) => this.#onSocketError(error))
    socket.on('close', () => this.#onClose())
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#isOver) return
    this.#silence.refresh()
    this.#heard++
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#end('frame-malformed', UNSUPPORTED)
    } else if (!this.#frames.take(this.#clock().instant)) {
      this.#end('too-many-frames', POLICY)
    } else {
      this.#channel.receive(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      this.#drain()
    }
  }

  #drain(): void {
    for (let output = this.#channel.poll(); output !== undefined && !this.#isOver; output = this.#channel.poll()) {
      switch (output.kind) {
        case 'frame':
          this.#socket.send(output.frame)
          break
        case 'open':
          this.#onOpen(output)
          break
        case 'message':
          this.#onMessage(output.text)
          break
        case 'failed':
          this.#end(this.#remoteKey === undefined ? 'handshake-failed' : 'frame-unopened', POLICY)
          break
        default:
          assertNever(output)
      }
    }
  }

  #onOpen({ remoteKey, version }: Extract<ResponderOutput, { kind: 'open' }>): void {
    this.#remoteKey = remoteKey
    this.#version = version
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#end('never-registered', POLICY), this.#limits.registration)
    this.#logger.debug('channel open', { connection: this.number, source: this.source })
    this.#lookWhoItIs()
  }

  #lookWhoItIs(): void {
    if (this.#isKnown || this.#remoteKey === undefined || !this.#desk.isDevice(this.#remoteKey)) return
    this.#isKnown = true
    clearTimeout(this.#deadline)
    this.#owner.known(this)
  }

  #onMessage(message: string): void {
    const heard = this.#desk.read(this, message)
    if (heard.kind !== 'work') {
      this.#give(heard)
    } else if (this.#waiting >= this.#limits.waitingRequests || !this.#requests.take(this.#clock().instant)) {
      this.#counters.count('too-many-requests')
      this.#give(heard.refuse())
    } else {
      this.#waiting++
      this.#turn = this.#turn.then(() => this.#work(heard))
    }
  }

  async #work(work: Work): Promise<void> {
    if (!this.#isOver) this.#give(await work.run())
    this.#waiting--
  }

  #give(answered: Answered): void {
    if (this.#isOver) return
    if (answered.kind === 'malformed') {
      this.#end('message-malformed', POLICY)
      return
    }
    this.#lookWhoItIs()
    this.tell(answered.message)
    if (!this.#isOver) answered.afterwards?.()
  }

  #onSocketError(error: Error): void {
    const code = 'code' in error ? String(error.code) : ''
    if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#counters.count('frame-oversize')
    else if (code.startsWith('WS_ERR')) this.#counters.count('frame-malformed')
    this.#logger.debug('channel broken', { connection: this.number, reason: code })
  }

  #onClose(): void {
    this.#isOver = true
    clearTimeout(this.#deadline)
    clearTimeout(this.#silence)
    this.#desk.closed(this)
    this.#owner.closed(this)
  }

  #end(reason: StrangerEvent, code: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#counters.count(reason)
    this.#logger.debug('channel refused', { connection: this.number, reason })
    this.#socket.close(code)
    // `ws` waits 30 s for the other side's close frame.
    setTimeout(() => this.#socket.terminate(), 1_000).unref()
  }
}
