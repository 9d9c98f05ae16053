import { concatBytes, earliest, type Instant, later, milliseconds, seconds, viewOf } from '@weft/base'
import { answering, buildTcp, type Ends, type TcpSegment } from './packets.ts'
import { ACK, FIN, PSH, RST, SYN } from './tcp-flags.ts'

/** No question is longer, whatever its first two bytes say. */
const MAX_QUESTION = 4096
/** Answers that wait for the other end to take them. */
const MAX_UNSENT = 256 * 1024
/** Questions on one connection without an answer yet. */
const MAX_OWED = 32
const WINDOW = 65_535
/** Of the interface's MTU, less the headers of IPv6. */
const OWN_MSS = 1360
const FIRST_RESEND = milliseconds(500)
const MAX_RESENDS = 5
/** RFC 7766 §6.2.3: seconds, not minutes. */
const IDLE_LIMIT = seconds(10)
const NOTHING = new Uint8Array(0)
const PREFIX = 2

/**
 * One connection of a program, from its SYN on.
 *
 * opening: our SYN waits for its answer · open: messages come and go · the other end closed: what it asked is still
 * answered, then we close, too · over: nothing more is sent or heard. Segments are taken in order only, and what was not
 * taken is sent again by the other end; so do we, from the first byte that was not acknowledged.
 */
export class TcpConnection {
  readonly key: string
  readonly number: number
  lastHeard: Instant
  isOver = false
  readonly #ends: Ends
  readonly #sendPacket: (packet: Uint8Array) => void
  readonly #onMessage: (message: Uint8Array, now: Instant) => void
  readonly #openedAt: number
  readonly #mss: number
  #isOpen = false
  #hasRemoteClosed = false
  #hasSentEnd = false
  /** Questions that wait for their answer. */
  #owed = 0
  /** What came of a message so far. */
  #received: Uint8Array = NOTHING
  #receiveNext: number
  /** The first byte that is not acknowledged, and what is to be sent from there on. */
  #sendFirst: number
  #unacknowledged: Uint8Array = NOTHING
  /** How many of these bytes are on their way. */
  #sent = 0
  #window: number
  #resendAt: Instant | undefined
  #resends = 0

  constructor(options: {
    readonly key: string
    readonly number: number
    readonly ends: Ends
    readonly opening: TcpSegment
    readonly initialSequence: number
    readonly send: (packet: Uint8Array) => void
    readonly onMessage: (message: Uint8Array, now: Instant) => void
    readonly now: Instant
  }) {
    const { opening, now } = options
    this.key = options.key
    this.number = options.number
    this.lastHeard = now
    this.#ends = answering(options.ends)
    this.#sendPacket = options.send
    this.#onMessage = options.onMessage
    this.#openedAt = opening.sequence
    this.#mss = Math.min(Math.max(opening.mss ?? 0, 64), OWN_MSS)
    this.#receiveNext = (opening.sequence + 1) >>> 0
    this.#sendFirst = options.initialSequence
    this.#window = opening.window
    this.#sendOpening(now)
  }

  /** Whether a SYN is of another connection between the same ends, and not this one's again. */
  isOther(opening: TcpSegment): boolean {
    return opening.sequence !== this.#openedAt
  }

  receive(segment: TcpSegment, now: Instant): void {
    if (this.isOver) return
    const { flags } = segment
    if ((flags & RST) !== 0) {
      if (segment.sequence === this.#receiveNext) this.isOver = true
      return
    }
    if ((flags & SYN) !== 0) {
      this.#isOpen ? this.#send(ACK, NOTHING) : this.#sendOpening(now)
      return
    }
    if ((flags & ACK) === 0 || !this.#acknowledge(segment, now)) return
    this.lastHeard = now
    this.#take(segment, now)
    this.#flush(now)
  }

  answer(message: Uint8Array, now: Instant): void {
    if (this.isOver) return
    this.#owed -= 1
    if (this.#unacknowledged.length + message.length > MAX_UNSENT) {
      this.abort()
      return
    }
    const prefix = new Uint8Array(PREFIX)
    viewOf(prefix).setUint16(0, message.length)
    this.#unacknowledged = concatBytes(this.#unacknowledged, prefix, message)
    this.#flush(now)
  }

  wake(now: Instant): void {
    if (this.isOver) return
    if (later(this.lastHeard, IDLE_LIMIT) <= now) {
      this.abort()
      return
    }
    if (this.#resendAt === undefined || this.#resendAt > now) return
    this.#resends += 1
    if (this.#resends > MAX_RESENDS) {
      this.abort()
      return
    }
    this.#resendAt = undefined
    if (!this.#isOpen) {
      this.#sendOpening(now)
      return
    }
    this.#sent = 0
    this.#hasSentEnd = false
    this.#flush(now)
  }

  nextTimeout(): Instant | undefined {
    return earliest(later(this.lastHeard, IDLE_LIMIT), this.#resendAt)
  }

  /** Tells the other end that there is no connection any more. */
  abort(): void {
    if (!this.isOver) this.#send(RST | ACK, NOTHING)
    this.isOver = true
  }

  #sendOpening(now: Instant): void {
    const segment = this.#segment(SYN | ACK, NOTHING, this.#sendFirst)
    this.#sendPacket(buildTcp(this.#ends, { ...segment, mss: OWN_MSS }))
    this.#armResend(now)
  }

  /** False where the segment acknowledges what was never sent. */
  #acknowledge({ acknowledged, window }: TcpSegment, now: Instant): boolean {
    const opening = this.#isOpen ? 0 : 1
    const ending = this.#hasSentEnd ? 1 : 0
    const count = (acknowledged - this.#sendFirst) >>> 0
    const isOld = count > 0x7fffffff
    if (isOld) return this.#isOpen
    if (count > opening + this.#sent + ending) return false
    if (count < opening) return false
    this.#isOpen = true
    this.#window = window
    if (count === 0) return true
    this.#sendFirst = acknowledged
    const bytes = Math.min(count - opening, this.#sent)
    this.#unacknowledged = this.#unacknowledged.subarray(bytes)
    this.#sent -= bytes
    this.#resends = 0
    this.#resendAt = undefined
    if (ending === 1 && count === opening + bytes + ending) this.isOver = true
    else if (this.#sent > 0 || this.#hasSentEnd) this.#armResend(now)
    return true
  }

  #take({ sequence, data, flags }: TcpSegment, now: Instant): void {
    const isEmpty = data.length === 0 && (flags & FIN) === 0
    if (this.isOver || isEmpty) return
    const skipped = (this.#receiveNext - sequence) >>> 0
    // Too early, or all of it known.
    if (this.#hasRemoteClosed || skipped > data.length) {
      this.#send(ACK, NOTHING)
      return
    }
    const fresh = data.subarray(skipped)
    this.#receiveNext = (this.#receiveNext + fresh.length) >>> 0
    if ((flags & FIN) !== 0) {
      this.#hasRemoteClosed = true
      this.#receiveNext = (this.#receiveNext + 1) >>> 0
    }
    this.#send(ACK, NOTHING)
    this.#received = concatBytes(this.#received, fresh)
    this.#takeMessages(now)
  }

  #takeMessages(now: Instant): void {
    while (!this.isOver && this.#received.length >= PREFIX) {
      const length = viewOf(this.#received).getUint16(0)
      if (length > MAX_QUESTION || this.#owed >= MAX_OWED) {
        this.abort()
        return
      }
      if (this.#received.length < PREFIX + length) return
      const message = this.#received.slice(PREFIX, PREFIX + length)
      this.#received = this.#received.slice(PREFIX + length)
      this.#owed += 1
      this.#onMessage(message, now)
    }
  }

  #flush(now: Instant): void {
    if (this.isOver || !this.#isOpen) return
    // A closed window is asked for its state with one byte: RFC 9293 §3.8.6.1.
    const room = this.#window === 0 && this.#resends > 0 ? 1 : this.#window
    while (this.#sent < this.#unacknowledged.length && this.#sent < room) {
      const length = Math.min(this.#mss, this.#unacknowledged.length - this.#sent, room - this.#sent)
      const data = this.#unacknowledged.subarray(this.#sent, this.#sent + length)
      this.#sent += length
      this.#send(ACK | PSH, data, this.#sent - length)
    }
    const isAllSent = this.#sent === this.#unacknowledged.length
    if (this.#hasRemoteClosed && this.#owed === 0 && isAllSent && !this.#hasSentEnd) {
      this.#send(ACK | FIN, NOTHING, this.#sent)
      this.#hasSentEnd = true
    }
    if (this.#unacknowledged.length > 0 || this.#hasSentEnd) this.#armResend(now)
  }

  #send(flags: number, data: Uint8Array, at = this.#sent + (this.#hasSentEnd ? 1 : 0)): void {
    this.#sendPacket(buildTcp(this.#ends, this.#segment(flags, data, (this.#sendFirst + at) >>> 0)))
  }

  #segment(flags: number, data: Uint8Array, sequence: number): TcpSegment {
    return { flags, sequence, acknowledged: this.#receiveNext, window: WINDOW, data }
  }

  #armResend(now: Instant): void {
    this.#resendAt ??= later(now, milliseconds(FIRST_RESEND * 2 ** this.#resends))
  }
}
