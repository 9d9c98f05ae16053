import type { Brand, Instant } from '@weft/base'

/** A small dense number that stands for a peer in the node and in the fast path; reused after `remove-peer`. */
export type PeerIndex = Brand<number, 'PeerIndex'>

/** One completed handshake: what both ends need to exchange transport data. WireGuard paper §5.4.5. */
export interface TransportSession {
  readonly role: 'initiator' | 'responder'
  /** The receiver index in datagrams to us; unique on this node. */
  readonly localIndex: number
  /** The receiver index in datagrams to the peer. */
  readonly remoteIndex: number
  /** 32 bytes each. */
  readonly sendKey: Uint8Array
  readonly receiveKey: Uint8Array
  /** Sending later than this asks for a new handshake; only the initiator does, or simultaneous ones would cross. */
  readonly rekeyAfter: Instant | undefined
  /** As `rekeyAfter`, for receiving. */
  readonly rekeyAfterReceiving: Instant | undefined
  /** Neither sends nor receives from here on. */
  readonly rejectAfter: Instant
}
