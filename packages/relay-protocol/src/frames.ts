import { type DatagramRun, datagramsOf, type IpAddress, ipBytes, ipFromBytes, isZero, viewOf } from '@weft/base'
import { MAX_REVOCATION_LENGTH } from '@weft/identity'
import { SIGNATURE_LENGTH } from '@weft/keys'

/*
 * What node and relay say to each other. A WebSocket message is one frame or several, one after the other:
 *
 *   0  1  type         1  2  length of the body, big-endian         3  …  body
 *
 * Trailing bytes, an unknown type or a wrong length make the whole message malformed. docs/protocols/relay.md
 */
const HEADER = 3
const CHALLENGE = 1
const ADMISSION = 2
const ADMITTED = 3
const DATAGRAM = 4
const ABSENT = 5
const PING = 6
const PONG = 7
const DRAINING = 8
const COORDINATOR = 9
const WELCOME = 10
const REVOCATION = 11
const CALLER = 12
const ANSWER = 13
const KNOCK = 14
const KNOCKED = 15

const NODE_ID_LENGTH = 16
export const NONCE_LENGTH = 32
const TOKEN_LENGTH = 8
const CHALLENGE_LENGTH = NODE_ID_LENGTH + NONCE_LENGTH
/** Of what one frame carries to a peer: more than any path's packets need. */
export const MAX_DATAGRAM = 2048
/** What a frame adds to a datagram. */
const ADDRESSING = HEADER + NODE_ID_LENGTH
/** Of one WebSocket message. */
export const MAX_MESSAGE = 65_535
const MAX_ADMISSION = 8192
const ADDRESS_LENGTH = 16
const ADDRESSED = 1 + ADDRESS_LENGTH
const WELCOME_LENGTH = 2 + ADDRESSED
/** Of who waits for the coordinator at a relay: nobody guesses one. */
export const CALL_TOKEN_LENGTH = 16
/** The coordinator answers 204 to a GET of it, with a token of its own in hexadecimal behind, and else 404. */
export const KNOCK_PATH = '/v1/knock/'
/** What the relay says at the coordinator's port, so that this knows that it was meant. */
export const KNOCK_TOKEN_LENGTH = 16
const KNOCK_LENGTH = KNOCK_TOKEN_LENGTH + 2
const KNOCKED_LENGTH = KNOCK_TOKEN_LENGTH + 1
/** By number on the wire, from 1. */
const KNOCK_OUTCOMES = ['answered', 'refused', 'silent', 'other', 'not-outside', 'too-often'] as const
/**
 * What a relay found at the coordinator's port: it answered as asked; the connection was refused; nobody spoke in time; somebody
 * else did. Or why it did not try: the coordinator comes from an address that does not lead to it from everywhere; it was asked too often.
 */
export type KnockOutcome = (typeof KNOCK_OUTCOMES)[number]
const NOTHING: Uint8Array = new Uint8Array(0)

/** Ids are bytes here, as they are on the wire: a relay makes no text of them for every frame. */
export type Frame =
  /** From the relay, first of all: who it says it is, and what is to be signed. */
  | { readonly kind: 'challenge'; readonly relay: Uint8Array; readonly nonce: Uint8Array }
  | { readonly kind: 'admission'; readonly proof: Uint8Array }
  | { readonly kind: 'admitted' }
  /** Frames of datagrams, one after the other and as they are. To the relay: all for that node; from it: of that node. */
  | { readonly kind: 'datagrams'; readonly node: Uint8Array; readonly frames: Uint8Array; readonly count: number }
  /** From the relay: that node is not here. */
  | { readonly kind: 'absent'; readonly node: Uint8Array }
  | { readonly kind: 'ping'; readonly token: Uint8Array }
  | { readonly kind: 'pong'; readonly token: Uint8Array }
  /** From the relay, which will close soon. */
  | { readonly kind: 'draining' }
  /** In place of an admission: the coordinator's signature. */
  | { readonly kind: 'coordinator'; readonly signature: Uint8Array }
  /** To the coordinator, which is let in: the relay's UDP port of STUN, if any, and where it hears the coordinator from. */
  | { readonly kind: 'welcome'; readonly stunPort: number | undefined; readonly seenAt: IpAddress }
  /** A key that is no more to be trusted. */
  | { readonly kind: 'revocation'; readonly bytes: Uint8Array }
  /** To the coordinator: somebody who comes from there waits for it. */
  | { readonly kind: 'caller'; readonly token: Uint8Array; readonly source: IpAddress }
  /** From the coordinator, on a connection of its own in place of an admission: from then on it is the caller's. */
  | { readonly kind: 'answer'; readonly token: Uint8Array }
  /** From the coordinator: whether that TCP port is reached at the address that it comes from. Only where both speak version 2. */
  | { readonly kind: 'knock'; readonly token: Uint8Array; readonly port: number }
  /** To the coordinator, with the token that it gave. */
  | { readonly kind: 'knocked'; readonly token: Uint8Array; readonly outcome: KnockOutcome }

export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case 'challenge':
      return framed(CHALLENGE, frame.relay, frame.nonce)
    case 'admission':
      return framed(ADMISSION, frame.proof)
    case 'admitted':
      return framed(ADMITTED)
    case 'datagrams':
      return readdress(frame.frames.slice(), frame.node)
    case 'absent':
      return framed(ABSENT, frame.node)
    case 'ping':
      return framed(PING, frame.token)
    case 'pong':
      return framed(PONG, frame.token)
    case 'draining':
      return framed(DRAINING)
    case 'coordinator':
      return framed(COORDINATOR, frame.signature)
    case 'welcome':
      return framed(WELCOME, portBytes(frame.stunPort ?? 0), addressBytes(frame.seenAt))
    case 'caller':
      return framed(CALLER, frame.token, addressBytes(frame.source))
    case 'revocation':
      return framed(REVOCATION, frame.bytes)
    case 'answer':
      return framed(ANSWER, frame.token)
    case 'knock':
      return framed(KNOCK, frame.token, portBytes(frame.port))
    case 'knocked':
      return framed(KNOCKED, frame.token, Uint8Array.of(1 + KNOCK_OUTCOMES.indexOf(frame.outcome)))
  }
}

/** A run's datagrams for that node, in as few pieces as messages allow. Those that are empty or too long are left out. */
export function encodeDatagrams(node: Uint8Array, run: DatagramRun): readonly Uint8Array[] {
  const { bytes, stride } = run
  if (bytes.length === 0 || stride > MAX_DATAGRAM) return []
  const datagrams = datagramsOf(run)
  const most = Math.floor(MAX_MESSAGE / (ADDRESSING + stride))
  const pieces: Uint8Array[] = []
  for (let i = 0; i < datagrams.length; i += most) pieces.push(piece(node, datagrams.slice(i, i + most)))
  return pieces
}

function piece(node: Uint8Array, datagrams: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(datagrams.reduce((sum, { length }) => sum + ADDRESSING + length, 0))
  let at = 0
  for (const datagram of datagrams) {
    const length = NODE_ID_LENGTH + datagram.length
    whole[at] = DATAGRAM
    whole[at + 1] = length >> 8
    whole[at + 2] = length & 0xff
    whole.set(node, at + HEADER)
    whole.set(datagram, at + ADDRESSING)
    at += ADDRESSING + datagram.length
  }
  return whole
}

/** Writes the node into frames of datagrams, and gives them. */
export function readdress(frames: Uint8Array, node: Uint8Array): Uint8Array {
  for (let at = 0; at < frames.length; at = frameEnd(frames, at)) frames.set(node, at + HEADER)
  return frames
}

/** Where the frame that begins there ends. */
export const frameEnd = (frames: Uint8Array, at: number): number =>
  at + HEADER + (((frames[at + 1] ?? 0) << 8) | (frames[at + 2] ?? 0))

/** What frames of datagrams carry, copied: datagrams of one length make a run. */
export function runsOf(frames: Uint8Array): readonly DatagramRun[] {
  const runs: DatagramRun[] = []
  for (let at = 0; at < frames.length; ) {
    const end = endOfRun(frames, at)
    runs.push({ bytes: bare(frames, at, end), stride: frameEnd(frames, at) - at - ADDRESSING })
    at = end
  }
  return runs
}

/** A shorter datagram is its run's last. */
function endOfRun(frames: Uint8Array, start: number): number {
  const whole = frameEnd(frames, start) - start
  for (let at = start; at < frames.length; ) {
    const end = frameEnd(frames, at)
    if (end - at > whole) return at
    if (end - at < whole) return end
    at = end
  }
  return frames.length
}

/** Of a run: its datagrams without what addresses them. */
function bare(frames: Uint8Array, start: number, end: number): Uint8Array {
  const count = Math.ceil((end - start) / (frameEnd(frames, start) - start))
  const bytes = new Uint8Array(end - start - count * ADDRESSING)
  for (let at = start, to = 0, next = at; at < end; at = next) {
    next = frameEnd(frames, at)
    bytes.set(frames.subarray(at + ADDRESSING, next), to)
    to += next - at - ADDRESSING
  }
  return bytes
}

/** Bytes of the datagrams alone. */
export const datagramBytes = (frames: Uint8Array, count: number): number => frames.length - count * ADDRESSING

/** The frames of a message, as views into it; `undefined` where it is malformed. */
export function decodeFrames(message: Uint8Array): readonly Frame[] | undefined {
  const frames: Frame[] = []
  const view = viewOf(message)
  for (let at = 0; at < message.length; ) {
    if (at + HEADER > message.length) return undefined
    const end = at + HEADER + view.getUint16(at + 1)
    if (end > message.length) return undefined
    const body = message.subarray(at + HEADER, end)
    const frame = message[at] === DATAGRAM ? datagramsAt(message, view, at) : frameOf(message[at] ?? 0, body)
    if (frame === undefined) return undefined
    frames.push(frame)
    at = frame.kind === 'datagrams' ? at + frame.frames.length : end
  }
  return frames.length === 0 ? undefined : frames
}

/** All that follow each other with the same node. */
function datagramsAt(message: Uint8Array, view: DataView, start: number): Frame | undefined {
  let end = start
  let count = 0
  while (end + ADDRESSING < message.length && message[end] === DATAGRAM && hasSameNode(view, start, end)) {
    const next = end + HEADER + view.getUint16(end + 1)
    const length = next - end - ADDRESSING
    if (length <= 0 || length > MAX_DATAGRAM || next > message.length) return undefined
    end = next
    count++
  }
  const node = message.subarray(start + HEADER, start + ADDRESSING)
  return count === 0 ? undefined : { kind: 'datagrams', node, frames: message.subarray(start, end), count }
}

function hasSameNode(view: DataView, a: number, b: number): boolean {
  for (let i = HEADER; i < ADDRESSING; i += 4) if (view.getUint32(a + i) !== view.getUint32(b + i)) return false
  return true
}

function frameOf(type: number, body: Uint8Array): Frame | undefined {
  switch (type) {
    case CHALLENGE:
      return body.length === CHALLENGE_LENGTH
        ? { kind: 'challenge', relay: body.subarray(0, NODE_ID_LENGTH), nonce: body.subarray(NODE_ID_LENGTH) }
        : undefined
    case ADMISSION:
      return body.length > 0 && body.length <= MAX_ADMISSION ? { kind: 'admission', proof: body } : undefined
    case ADMITTED:
      return body.length === 0 ? { kind: 'admitted' } : undefined
    case ABSENT:
      return body.length === NODE_ID_LENGTH ? { kind: 'absent', node: body } : undefined
    case PING:
    case PONG:
      return body.length === TOKEN_LENGTH ? { kind: type === PING ? 'ping' : 'pong', token: body } : undefined
    case DRAINING:
      return body.length === 0 ? { kind: 'draining' } : undefined
    case COORDINATOR:
      return body.length === SIGNATURE_LENGTH ? { kind: 'coordinator', signature: body } : undefined
    case WELCOME:
      return body.length === WELCOME_LENGTH ? readWelcome(body) : undefined
    case REVOCATION:
      return body.length > 0 && body.length <= MAX_REVOCATION_LENGTH ? { kind: 'revocation', bytes: body } : undefined
    case CALLER:
      return body.length === CALL_TOKEN_LENGTH + ADDRESSED ? readCaller(body) : undefined
    case ANSWER:
      return body.length === CALL_TOKEN_LENGTH ? { kind: 'answer', token: body } : undefined
    case KNOCK:
      return body.length === KNOCK_LENGTH ? readKnock(body) : undefined
    case KNOCKED:
      return body.length === KNOCKED_LENGTH ? readKnocked(body) : undefined
    default:
      return undefined
  }
}

function readWelcome(body: Uint8Array): Frame | undefined {
  const seenAt = readAddress(body.subarray(2))
  return seenAt && { kind: 'welcome', stunPort: viewOf(body).getUint16(0) || undefined, seenAt }
}

function readCaller(body: Uint8Array): Frame | undefined {
  const source = readAddress(body.subarray(CALL_TOKEN_LENGTH))
  return source && { kind: 'caller', token: body.subarray(0, CALL_TOKEN_LENGTH), source }
}

function readKnock(body: Uint8Array): Frame | undefined {
  const port = viewOf(body).getUint16(KNOCK_TOKEN_LENGTH)
  return port === 0 ? undefined : { kind: 'knock', token: body.subarray(0, KNOCK_TOKEN_LENGTH), port }
}

function readKnocked(body: Uint8Array): Frame | undefined {
  const outcome = KNOCK_OUTCOMES[(body[KNOCK_TOKEN_LENGTH] ?? 0) - 1]
  return outcome && { kind: 'knocked', token: body.subarray(0, KNOCK_TOKEN_LENGTH), outcome }
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff)
}

/** The family, 4 or 6, and 16 bytes: IPv4 in the first 4, and zeros. */
function addressBytes(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(ADDRESSED)
  const ip = ipBytes(address)
  bytes[0] = ip.length === 4 ? 4 : 6
  bytes.set(ip, 1)
  return bytes
}

function readAddress(bytes: Uint8Array): IpAddress | undefined {
  const length = bytes[0] === 4 ? 4 : bytes[0] === 6 ? 16 : 0
  if (length === 0 || !isZero(bytes.subarray(1 + length))) return undefined
  const address = ipFromBytes(bytes.subarray(1, 1 + length))
  // An IPv4 address in IPv6's clothes has one form only.
  return ipBytes(address).length === length ? address : undefined
}

function framed(type: number, first = NOTHING, second = NOTHING): Uint8Array {
  const length = first.length + second.length
  const frame = new Uint8Array(HEADER + length)
  frame[0] = type
  frame[1] = length >> 8
  frame[2] = length & 0xff
  frame.set(first, HEADER)
  frame.set(second, HEADER + first.length)
  return frame
}
