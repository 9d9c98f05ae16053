import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { IpAddress } from '@weft/base'
import type { Caller } from '@weft/relay-protocol'
import type { WebSocket } from 'ws'
import { originOf, takeUpgrades } from './listening/index.ts'
import { splice } from './splice.ts'

const SUBPROTOCOL = 'weft.channel.1'
/** For the coordinator to answer, in ms; the node gives up after 10 s. */
const ANSWER_MS = 8_000
// RFC 6455 §7.4.1
const TRY_LATER = 1013
const GOING_AWAY = 1001

interface CallerLimits {
  /** That wait or speak. */
  readonly callers: number
  /** From one address: an IPv4 address, or the /64 of an IPv6 one; many devices may be behind one. */
  readonly callersOfOneAddress: number
}

const defaultCallerLimits: CallerLimits = { callers: 4_096, callersOfOneAddress: 256 }

interface Waiting {
  readonly socket: WebSocket
  readonly timer: NodeJS.Timeout
}

/**
 * Devices that open a channel to the coordinator where a relay is: each waits until the coordinator, which the relay told, has
 * come for it with a connection of its own; then what one says is passed to the other. All of it is sealed.
 */
export class Callers {
  readonly #limits: CallerLimits
  readonly #desk: { called(caller: Caller, source: IpAddress): boolean; hungUp(caller: Caller): void }
  readonly #sockets = takeUpgrades(SUBPROTOCOL)
  readonly #waiting = new Map<Caller, Waiting>()
  readonly #open = new Set<WebSocket>()
  readonly #from = new Map<string, number>()
  #lastCaller = 0

  /** @param desk tells the coordinator that somebody waits; `false`: it is not there. */
  constructor(
    desk: { called(caller: Caller, source: IpAddress): boolean; hungUp(caller: Caller): void },
    limits: CallerLimits = defaultCallerLimits,
  ) {
    this.#desk = desk
    this.#limits = limits
  }

  /** That wait or speak. */
  get size(): number {
    return this.#open.size
  }

  /** Whether it was taken; if not, nothing was said. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, source: IpAddress): boolean {
    const origin = originOf(source)
    const isFull =
      this.#open.size >= this.#limits.callers || (this.#from.get(origin) ?? 0) >= this.#limits.callersOfOneAddress
    const caller = ++this.#lastCaller
    if (isFull || !this.#desk.called(caller, source)) return false
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(caller, webSocket, origin))
    if (!this.#waiting.has(caller)) this.#desk.hungUp(caller)
    return true
  }

  /** The coordinator came for the caller; its socket is no client's any more. */
  answered(caller: Caller, coordinator: WebSocket): void {
    const waiting = this.#waiting.get(caller)
    this.#waiting.delete(caller)
    if (waiting === undefined) {
      coordinator.close(GOING_AWAY)
      return
    }
    clearTimeout(waiting.timer)
    splice(waiting.socket, coordinator)
    waiting.socket.resume()
  }

  close(): void {
    for (const socket of this.#open) socket.close(GOING_AWAY)
    setTimeout(() => {
      for (const socket of this.#open) socket.terminate()
    }, 500).unref()
    this.#sockets.close()
  }

  #accept(caller: Caller, socket: WebSocket, origin: string): void {
    socket.pause()
    this.#open.add(socket)
    this.#from.set(origin, (this.#from.get(origin) ?? 0) + 1)
    const timer = setTimeout(() => this.#giveUp(caller), ANSWER_MS)
    this.#waiting.set(caller, { socket, timer })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      this.#open.delete(socket)
      const left = (this.#from.get(origin) ?? 1) - 1
      if (left === 0) this.#from.delete(origin)
      else this.#from.set(origin, left)
      if (this.#waiting.delete(caller)) this.#desk.hungUp(caller)
    })
  }

  #giveUp(caller: Caller): void {
    const waiting = this.#waiting.get(caller)
    if (waiting === undefined) return
    this.#waiting.delete(caller)
    this.#desk.hungUp(caller)
    waiting.socket.close(TRY_LATER)
    waiting.socket.resume()
  }
}
