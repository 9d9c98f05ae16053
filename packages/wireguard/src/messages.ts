import { viewOf } from '@weft/base'
import {
  COOKIE_REPLY_LENGTH,
  INITIATION_LENGTH,
  MESSAGE_COOKIE_REPLY,
  MESSAGE_INITIATION,
  MESSAGE_RESPONSE,
  MESSAGE_TRANSPORT,
  RESPONSE_LENGTH,
  TAG,
  TRANSPORT_HEADER,
} from './constants.ts'

/**
 * The four messages of WireGuard, byte for byte (WireGuard paper §5.4). Numbers are little-endian; `type` is the type's
 * byte and three zero bytes, read as one number, so that other datagrams on the same socket (STUN) are not taken for them.
 * The first three have one length each; more or fewer bytes are no message.
 *
 *     handshake initiation   148 bytes      handshake response   92 bytes       cookie reply   64 bytes
 *       0  type          4   = 1              0  type          4   = 2            0  type        4   = 3
 *       4  sender        4                    4  sender        4                  4  receiver    4
 *       8  ephemeral    32                    8  receiver      4                  8  nonce      24
 *      40  static       48   sealed          12  ephemeral    32                 32  cookie     32   sealed
 *      88  timestamp    28   sealed          44  nothing      16   sealed
 *     116  mac1         16                   60  mac1         16
 *     132  mac2         16                   76  mac2         16
 *
 *     transport data    16 + n + 16 bytes, where n is the packet's length padded with zeros to a multiple of 16
 *       0  type          4   = 4
 *       4  receiver      4
 *       8  counter       8
 *      16  packet    n + 16   sealed; n = 0 is a keepalive
 */
export interface InitiationMessage {
  readonly sender: number
  /** 32 bytes. */
  readonly ephemeral: Uint8Array
  /** 32 bytes and their tag. */
  readonly sealedStatic: Uint8Array
  /** 12 bytes and their tag. */
  readonly sealedTimestamp: Uint8Array
}

export interface ResponseMessage {
  readonly sender: number
  readonly receiver: number
  /** 32 bytes. */
  readonly ephemeral: Uint8Array
  /** A tag of nothing. */
  readonly sealedNothing: Uint8Array
}

export interface CookieReplyMessage {
  readonly receiver: number
  /** 24 bytes. */
  readonly nonce: Uint8Array
  /** 16 bytes and their tag. */
  readonly sealedCookie: Uint8Array
}

export const COOKIE_NONCE_LENGTH = 24

export type MessageKind = 'initiation' | 'response' | 'cookie-reply' | 'transport'

/** Told by the type and the length alone; `undefined` where the datagram is none of WireGuard's. */
export function messageKindOf(datagram: Uint8Array): MessageKind | undefined {
  if (datagram.length < 4) return undefined
  const { length } = datagram
  switch (viewOf(datagram).getUint32(0, true)) {
    case MESSAGE_INITIATION:
      return length === INITIATION_LENGTH ? 'initiation' : undefined
    case MESSAGE_RESPONSE:
      return length === RESPONSE_LENGTH ? 'response' : undefined
    case MESSAGE_COOKIE_REPLY:
      return length === COOKIE_REPLY_LENGTH ? 'cookie-reply' : undefined
    case MESSAGE_TRANSPORT:
      return length >= TRANSPORT_HEADER + TAG ? 'transport' : undefined
    default:
      return undefined
  }
}

/** With both MACs still zero. */
export function encodeInitiation(fields: InitiationMessage): Uint8Array {
  const message = new Uint8Array(INITIATION_LENGTH)
  const view = viewOf(message)
  view.setUint32(0, MESSAGE_INITIATION, true)
  view.setUint32(4, fields.sender, true)
  message.set(fields.ephemeral, 8)
  message.set(fields.sealedStatic, 40)
  message.set(fields.sealedTimestamp, 88)
  return message
}

/** The fields as views into the message, without its MACs; `undefined` where it is no initiation. */
export function decodeInitiation(message: Uint8Array): InitiationMessage | undefined {
  if (messageKindOf(message) !== 'initiation') return undefined
  return {
    sender: viewOf(message).getUint32(4, true),
    ephemeral: message.subarray(8, 40),
    sealedStatic: message.subarray(40, 88),
    sealedTimestamp: message.subarray(88, 116),
  }
}

/** With both MACs still zero. */
export function encodeResponse(fields: ResponseMessage): Uint8Array {
  const message = new Uint8Array(RESPONSE_LENGTH)
  const view = viewOf(message)
  view.setUint32(0, MESSAGE_RESPONSE, true)
  view.setUint32(4, fields.sender, true)
  view.setUint32(8, fields.receiver, true)
  message.set(fields.ephemeral, 12)
  message.set(fields.sealedNothing, 44)
  return message
}

/** The fields as views into the message, without its MACs; `undefined` where it is no response. */
export function decodeResponse(message: Uint8Array): ResponseMessage | undefined {
  if (messageKindOf(message) !== 'response') return undefined
  const view = viewOf(message)
  return {
    sender: view.getUint32(4, true),
    receiver: view.getUint32(8, true),
    ephemeral: message.subarray(12, 44),
    sealedNothing: message.subarray(44, 60),
  }
}

export function encodeCookieReply(fields: CookieReplyMessage): Uint8Array {
  const message = new Uint8Array(COOKIE_REPLY_LENGTH)
  const view = viewOf(message)
  view.setUint32(0, MESSAGE_COOKIE_REPLY, true)
  view.setUint32(4, fields.receiver, true)
  message.set(fields.nonce, 8)
  message.set(fields.sealedCookie, 32)
  return message
}

/** The fields as views into the message; `undefined` where it is no cookie reply. */
export function decodeCookieReply(message: Uint8Array): CookieReplyMessage | undefined {
  if (messageKindOf(message) !== 'cookie-reply') return undefined
  return {
    receiver: viewOf(message).getUint32(4, true),
    nonce: message.subarray(8, 32),
    sealedCookie: message.subarray(32, 64),
  }
}
