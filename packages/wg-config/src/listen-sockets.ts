import type { Family } from '@weft/base'
import type { DatapathCommand, DatapathReport, SocketId } from '@weft/datapath'

type SocketReport = Extract<DatapathReport, { kind: 'socket-opened' | 'socket-failed' }>

interface SocketPair {
  /** 0 where no socket could be had. */
  readonly port: number
  readonly ids: ReadonlyMap<Family, SocketId>
}

interface Opening {
  readonly wanted: number
  readonly attempt: number
  readonly ids: Map<Family, SocketId>
  port: number
  pending: { readonly family: Family; readonly socket: SocketId }
}

export type OpeningOutcome = { readonly kind: 'opened' } | { readonly kind: 'failed'; readonly code: string }

const FAMILIES: readonly Family[] = [4, 6]
/** A port that the system chose for one family can be taken in the other. */
const MAX_ATTEMPTS = 10

/**
 * The two underlay sockets, one for each family, on one port. A family that the machine does not have is left out. New ones are
 * opened beside those that there are, which stay until the new ones are complete, and for good where that fails.
 */
export class ListenSockets {
  readonly #command: (command: DatapathCommand) => void
  #current: SocketPair = { port: 0, ids: new Map() }
  #opening: Opening | undefined
  /** Never used again, so that a late report is known as such. */
  #next = 0

  constructor(command: (command: DatapathCommand) => void) {
    this.#command = command
  }

  /** 0 before any was opened. */
  get port(): number {
    return this.#current.port
  }

  get isOpen(): boolean {
    return this.#current.port !== 0
  }

  of(family: Family): SocketId | undefined {
    return this.#current.ids.get(family)
  }

  /** Port 0 takes any. Its outcome comes by `onReport`. */
  open(wanted: number): void {
    this.#open(wanted, 1)
  }

  /** What became of `open`, once that is known. */
  onReport(report: SocketReport): OpeningOutcome | undefined {
    const opening = this.#opening
    if (opening === undefined || opening.pending.socket !== report.socket) return undefined
    if (report.kind === 'socket-opened') {
      opening.ids.set(opening.pending.family, report.socket)
      opening.port = report.port
    } else if (!isAbsent(report.code)) return this.#onRefused(opening, report.code)
    return this.#openNext(opening)
  }

  close(): void {
    this.#closeAll(this.#current.ids)
    this.#current = { port: 0, ids: new Map() }
  }

  #open(wanted: number, attempt: number): void {
    this.#opening = { wanted, attempt, ids: new Map(), port: wanted, pending: this.#ask(4, wanted) }
  }

  #openNext(opening: Opening): OpeningOutcome | undefined {
    const family = FAMILIES[FAMILIES.indexOf(opening.pending.family) + 1]
    if (family !== undefined) {
      opening.pending = this.#ask(family, opening.port)
      return undefined
    }
    this.#opening = undefined
    if (opening.ids.size === 0) return { kind: 'failed', code: 'EAFNOSUPPORT' }
    this.#closeAll(this.#current.ids)
    this.#current = { port: opening.port, ids: opening.ids }
    return { kind: 'opened' }
  }

  #onRefused(opening: Opening, code: string): OpeningOutcome | undefined {
    this.#closeAll(opening.ids)
    this.#opening = undefined
    if (code !== 'EADDRINUSE' || opening.wanted !== 0 || opening.attempt === MAX_ATTEMPTS)
      return { kind: 'failed', code }
    this.#open(0, opening.attempt + 1)
    return undefined
  }

  #ask(family: Family, port: number): Opening['pending'] {
    const socket = this.#next++ as SocketId
    this.#command({ kind: 'open-socket', socket, family, port })
    return { family, socket }
  }

  #closeAll(ids: ReadonlyMap<Family, SocketId>): void {
    for (const socket of ids.values()) this.#command({ kind: 'close-socket', socket })
  }
}

/** The machine does not speak that family. */
const isAbsent = (code: string): boolean => code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'
