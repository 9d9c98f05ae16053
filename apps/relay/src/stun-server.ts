import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Clock, endpointOf, type IpAddress, parseIp, type Rate, TokenBucket } from '@weft/base'
import { answerStun } from '@weft/traversal'
import { OriginLimits } from './origin-limits.ts'

/** Of one source: nodes ask a few times when their network changes. */
const RATE: Rate = { burst: 40, perSecond: 10 }
const MOST_SOURCES = 8_192
/** Of all together. */
const TOTAL: Rate = { burst: 4_000, perSecond: 2_000 }

export type StunEvent = 'answered' | 'rate-limited' | 'not-stun'

/** Answers binding requests on one UDP port, and on the next one where that is free: with two ports, one server is enough to know a NAT's kind. */
export class StunServer {
  readonly port: number
  readonly #sockets: readonly Socket[]
  readonly #clock: Clock
  readonly #limits = new OriginLimits(RATE, MOST_SOURCES)
  readonly #total = new TokenBucket(TOTAL)
  readonly #counts = new Map<StunEvent, number>()

  private constructor(port: number, sockets: readonly Socket[], clock: Clock) {
    this.port = port
    this.#sockets = sockets
    this.#clock = clock
    for (const socket of sockets) {
      socket.on('message', (datagram, from) => this.#receive(socket, datagram, from))
      // An answer that cannot be sent is lost like any datagram.
      socket.on('error', () => {})
    }
  }

  /** Rejects with the system's error where the port is not to be had. */
  static async listen(options: {
    readonly host: string
    readonly port: number
    readonly clock: Clock
  }): Promise<StunServer> {
    const { host, port, clock } = options
    const first = await bound(host, port)
    const { port: got } = first.address()
    const second = got === 65_535 ? undefined : await bound(host, got + 1).catch(() => undefined)
    return new StunServer(got, second === undefined ? [first] : [first, second], clock)
  }

  /** How many ports answer: 1 or 2. */
  get ports(): number {
    return this.#sockets.length
  }

  /** Since the start; those that never happened are left out. */
  counts(): Readonly<Partial<Record<StunEvent, number>>> {
    return Object.fromEntries(this.#counts)
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
  }

  #receive(socket: Socket, datagram: Uint8Array, from: RemoteInfo): void {
    const source = parseIp(from.address)
    if (source === undefined || from.port === 0) return
    const answer = answerStun(datagram, endpointOf(source, from.port))
    if (answer === undefined) this.#count('not-stun')
    else if (!this.#isWithinRate(source)) this.#count('rate-limited')
    else {
      this.#count('answered')
      socket.send(answer, from.port, from.address)
    }
  }

  #isWithinRate(source: IpAddress): boolean {
    const { instant } = this.#clock()
    return this.#limits.take(source, instant) && this.#total.take(instant)
  }

  #count(event: StunEvent): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1)
  }
}

async function bound(host: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' })
  try {
    socket.bind(port, host)
    await once(socket, 'listening')
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}
