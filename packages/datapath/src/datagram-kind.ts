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
} from '@weft/wireguard'
import { RING_SLOT_BYTES } from './datapath.ts'

export type DatagramKind = 'transport' | 'handshake' | 'cookie-reply' | 'other' | 'malformed'

/**
 * What a datagram claims to be. WireGuard's messages begin with their type and three zero bytes; the type alone would not do, for a
 * STUN answer begins with 1 as well. Nothing is proven by it.
 */
export function datagramKind(memory: Uint8Array, offset: number, length: number): DatagramKind {
  const isWireGuard = length >= 4 && memory[offset + 1] === 0 && memory[offset + 2] === 0 && memory[offset + 3] === 0
  if (isWireGuard) {
    switch (memory[offset]) {
      case MESSAGE_TRANSPORT:
        return length >= TRANSPORT_HEADER + TAG ? 'transport' : 'malformed'
      case MESSAGE_INITIATION:
        return length === INITIATION_LENGTH ? 'handshake' : 'malformed'
      case MESSAGE_RESPONSE:
        return length === RESPONSE_LENGTH ? 'handshake' : 'malformed'
      case MESSAGE_COOKIE_REPLY:
        return length === COOKIE_REPLY_LENGTH ? 'cookie-reply' : 'malformed'
      default:
        break
    }
  }
  return length > 0 && length <= RING_SLOT_BYTES ? 'other' : 'malformed'
}
