import { type Instant, later, seconds } from '@weft/base'
import { PROTOCOL_ICMP, PROTOCOL_ICMP6, PROTOCOL_TCP } from '@weft/packet'

/*
 * How long a flow is remembered without a packet. TCP is followed by its flags alone: the ends check the rest.
 * RFC 5382 §5 and RFC 4787 §4.3 set the least times for established TCP (2 h 4 min) and UDP (2 min).
 */
const TCP_OPENING = seconds(120)
const TCP_ESTABLISHED = seconds(7440)
/** One side has nothing more to send. */
const TCP_HALF_CLOSED = seconds(300)
const TCP_CLOSED = seconds(60)
const TCP_RESET = seconds(10)
const ICMP = seconds(30)
/** UDP, and protocols that are not followed. */
const OTHERS = seconds(180)

const TCP_FIN = 1
const TCP_SYN = 2
export const TCP_RST = 4
const TCP_ACK = 16

/** What a flow's state begins with. */
export const STATE_BEGAN_LOCAL = 0
export const STATE_BEGAN_REMOTE = 16
/** The side that did not begin has sent. */
const STATE_ANSWERED = 1
const STATE_FIN_FROM_REMOTE = 2
const STATE_FIN_FROM_LOCAL = 4
const STATE_RESET = 8
const STATE_FINS = STATE_FIN_FROM_REMOTE | STATE_FIN_FROM_LOCAL

export const isAnswered = (state: number): boolean => (state & STATE_ANSWERED) !== 0
/** A TCP connection that has ended; the same ports may begin another. */
export const isClosed = (state: number): boolean => (state & STATE_RESET) !== 0 || (state & STATE_FINS) === STATE_FINS

export const isOpeningSegment = (tcpFlags: number): boolean => (tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN

export function stateAfter(state: number, tcpFlags: number, isInbound: boolean): number {
  let after = state
  if (isInbound !== ((state & STATE_BEGAN_REMOTE) !== 0)) after |= STATE_ANSWERED
  if (tcpFlags & TCP_FIN) after |= isInbound ? STATE_FIN_FROM_REMOTE : STATE_FIN_FROM_LOCAL
  if (tcpFlags & TCP_RST) after |= STATE_RESET
  return after
}

export function deadlineAfter(state: number, protocol: number, now: Instant): Instant {
  if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMP6) return later(now, ICMP)
  if (protocol !== PROTOCOL_TCP) return later(now, OTHERS)
  if (state & STATE_RESET) return later(now, TCP_RESET)
  if (isClosed(state)) return later(now, TCP_CLOSED)
  if (state & STATE_FINS) return later(now, TCP_HALF_CLOSED)
  return later(now, isAnswered(state) ? TCP_ESTABLISHED : TCP_OPENING)
}
