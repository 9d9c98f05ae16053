import { assertNever, type Family, type Random, randomUint32 } from '@weft/base'
import type { DatapathReport, SocketId } from '@weft/datapath'
import type { Emit } from './node-interface.ts'

/** Dynamic ports, RFC 6335 §6. */
const FIRST_DYNAMIC_PORT = 49_152
const DYNAMIC_PORTS = 65_536 - FIRST_DYNAMIC_PORT
/** With half of the dynamic ports taken, all of them fail once in 2^32. */
const MAX_ATTEMPTS = 32

type SocketState =
  | { readonly kind: 'opening'; readonly socket: SocketId }
  | { readonly kind: 'open'; readonly socket: SocketId }
  /** The machine does not have this address family. */
  | { readonly kind: 'absent' }

type SocketReport = Extract<DatapathReport, { kind: 'socket-opened' | 'socket-failed' }>

const FAMILIES: readonly Family[] = [4, 6]

/**
 * The underlay sockets: one for each address family, both on one port. An attempt opens both; where the port is taken
 * for either, the other is closed and the next attempt takes a random port, which is remembered; unless the port is
 * *fixed*, the user's own wish. A family that the
 * machine does not have is done without; one of the two is needed.
 */
export class UnderlaySockets {
  readonly #emit: Emit
  readonly #random: Random
  readonly #sockets = new Map<Family, SocketState>()
  #wanted = 0
  #port = 0
  #isFixed = false
  #attempts = 0
  #nextSocket = 0
  #phase: 'closed' | 'opening' | 'open' = 'closed'

  constructor(emit: Emit, random: Random) {
    this.#emit = emit
    this.#random = random
  }

  /** The UDP port, once both families are settled. */
  get port(): number | undefined {
    return this.#phase === 'open' ? this.#port : undefined
  }

  socketFor(family: Family): SocketId | undefined {
    const state = this.#sockets.get(family)
    return this.#phase === 'open' && state?.kind === 'open' ? state.socket : undefined
  }

  open(port: number, isFixed = false): void {
    this.#wanted = port
    this.#isFixed = isFixed
    this.#attempts = 0
    this.#attempt(port)
  }

  close(): void {
    for (const state of this.#sockets.values()) {
      if (state.kind !== 'absent') this.#tellClose(state.socket)
    }
    this.#sockets.clear()
    this.#phase = 'closed'
  }

  /** True when this settled the last socket: `port` is known from now on. */
  onReport(report: SocketReport): boolean {
    const family = FAMILIES.find((each) => this.#isOpening(each, report.socket))
    if (family === undefined || this.#phase !== 'opening') return false
    switch (report.kind) {
      case 'socket-opened':
        this.#sockets.set(family, { kind: 'open', socket: report.socket })
        this.#port = report.port
        return this.#settle()
      case 'socket-failed':
        return this.#onFailed(family, report.code)
      default:
        return assertNever(report)
    }
  }

  #onFailed(family: Family, code: string): boolean {
    this.#sockets.set(family, { kind: 'absent' })
    if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') return this.#settle()
    if (code === 'EADDRINUSE' && !this.#isFixed && this.#attempts < MAX_ATTEMPTS) {
      this.#emit({ kind: 'log', level: 'warn', event: 'udp port in use', fields: { port: this.#port } })
      this.close()
      this.#attempt(FIRST_DYNAMIC_PORT + (randomUint32(this.#random) % DYNAMIC_PORTS))
      return false
    }
    const port = this.#port
    this.close()
    this.#emit({ kind: 'failed', code, reason: whyRefused(port, code) })
    return false
  }

  #settle(): boolean {
    const states = [...this.#sockets.values()]
    if (states.some(({ kind }) => kind === 'opening')) return false
    if (states.every(({ kind }) => kind === 'absent')) {
      this.close()
      this.#emit({ kind: 'failed', code: 'EAFNOSUPPORT', reason: 'this machine has neither IPv4 nor IPv6' })
      return false
    }
    this.#phase = 'open'
    this.#emit({ kind: 'log', level: 'info', event: 'listening', fields: { port: this.#port } })
    if (this.#port !== this.#wanted) this.#emit({ kind: 'save-port', port: this.#port })
    return true
  }

  #attempt(port: number): void {
    this.#phase = 'opening'
    this.#attempts++
    this.#port = port
    for (const family of FAMILIES) {
      // A number is not used again, so that a late report of an earlier attempt is known as such.
      const socket = this.#nextSocket++ as SocketId
      this.#sockets.set(family, { kind: 'opening', socket })
      this.#emit({ kind: 'datapath', command: { kind: 'open-socket', socket, family, port } })
    }
  }

  #isOpening(family: Family, socket: SocketId): boolean {
    const state = this.#sockets.get(family)
    return state?.kind === 'opening' && state.socket === socket
  }

  #tellClose(socket: SocketId): void {
    this.#emit({ kind: 'datapath', command: { kind: 'close-socket', socket } })
  }
}

function whyRefused(port: number, code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `UDP port ${port} is in use: stop what has it (see ss -ulpn), or choose another --port N`
    case 'EACCES':
    case 'EPERM':
      return `UDP port ${port} is not permitted: run weft as root, or choose a --port N above 1023`
    default:
      return `cannot open UDP port ${port}: ${code}; choose another --port N`
  }
}
