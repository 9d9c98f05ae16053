import { earliest, type Instant, type Random, randomUint32 } from '@weft/base'
import { MAX_MESSAGE } from './constants.ts'
import { answering, buildTcp, type Ends, type TcpSegment } from './packets.ts'
import { TcpConnection } from './tcp-connection.ts'
import { ACK, RST, SYN } from './tcp-flags.ts'

/** At a time; the one that was silent longest gives way to a new one. */
const MAX_CONNECTIONS = 64

export interface TcpServerHooks {
  /** A message came on the connection; it is answered by `answer`. */
  readonly onMessage: (connection: number, message: Uint8Array, now: Instant) => void
  readonly send: (packet: Uint8Array) => void
}

/**
 * The TCP that DNS needs (RFC 7766), for programs of this machine and over a wire that neither reorders nor delays: accept,
 * messages in, messages out, close. What it leaves out is in docs/decisions/0005.
 */
export class TcpServer {
  readonly #hooks: TcpServerHooks
  readonly #random: Random
  readonly #byEnds = new Map<string, TcpConnection>()
  readonly #byNumber = new Map<number, TcpConnection>()
  #nextNumber = 1

  constructor(hooks: TcpServerHooks, random: Random) {
    this.#hooks = hooks
    this.#random = random
  }

  /** @param isServed whether anybody listens at that port. */
  receive(ends: Ends, segment: TcpSegment, isServed: boolean, now: Instant): void {
    const key = `${ends.source} ${ends.sourcePort} ${ends.destination} ${ends.destinationPort}`
    const known = this.#byEnds.get(key)
    const isOpening = (segment.flags & (SYN | ACK | RST)) === SYN
    if (known !== undefined && !(isOpening && known.isOther(segment))) {
      known.receive(segment, now)
      if (known.isOver) this.#remove(known)
      return
    }
    if (known !== undefined) this.#remove(known)
    if (isOpening && isServed) this.#accept(key, ends, segment, now)
    else if ((segment.flags & RST) === 0) this.#hooks.send(resetFor(ends, segment))
  }

  answer(connection: number, message: Uint8Array, now: Instant): void {
    const known = this.#byNumber.get(connection)
    if (known === undefined || message.length > MAX_MESSAGE) return
    known.answer(message, now)
    if (known.isOver) this.#remove(known)
  }

  wake(now: Instant): void {
    for (const connection of [...this.#byNumber.values()]) {
      connection.wake(now)
      if (connection.isOver) this.#remove(connection)
    }
  }

  nextTimeout(): Instant | undefined {
    return earliest(...[...this.#byNumber.values()].map((each) => each.nextTimeout()))
  }

  #accept(key: string, ends: Ends, segment: TcpSegment, now: Instant): void {
    const [oldest] = [...this.#byNumber.values()].sort((a, b) => a.lastHeard - b.lastHeard)
    if (this.#byNumber.size >= MAX_CONNECTIONS && oldest !== undefined) {
      oldest.abort()
      this.#remove(oldest)
    }
    const number = this.#nextNumber++
    const connection = new TcpConnection({
      key,
      number,
      ends,
      opening: segment,
      initialSequence: randomUint32(this.#random),
      send: (packet) => this.#hooks.send(packet),
      onMessage: (message, at) => this.#hooks.onMessage(number, message, at),
      now,
    })
    this.#byEnds.set(key, connection)
    this.#byNumber.set(number, connection)
  }

  #remove(connection: TcpConnection): void {
    this.#byNumber.delete(connection.number)
    if (this.#byEnds.get(connection.key) === connection) this.#byEnds.delete(connection.key)
  }
}

/** RFC 9293 §3.10.7.1. */
function resetFor(ends: Ends, { flags, sequence, acknowledged, data }: TcpSegment): Uint8Array {
  const empty = { window: 0, data: new Uint8Array(0) }
  const answer: TcpSegment =
    (flags & ACK) !== 0
      ? { flags: RST, sequence: acknowledged, acknowledged: 0, ...empty }
      : {
          flags: RST | ACK,
          sequence: 0,
          acknowledged: (sequence + data.length + (flags & SYN ? 1 : 0)) >>> 0,
          ...empty,
        }
  return buildTcp(answering(ends), answer)
}
