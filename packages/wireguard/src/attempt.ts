import type { Instant } from '@weft/base'
import type { LocalKeys, PendingInitiation } from './handshake.ts'
import type { TransportSession } from './session.ts'

/** This end's attempt at a new session as initiator. */
export type Attempt<Source> =
  | { readonly kind: 'none' }
  /** Wanted, but the last handshake message was sent less than 5 s ago, or there is no private key. */
  | { readonly kind: 'deferred' }
  | {
      readonly kind: 'awaiting-response'
      readonly pending: PendingInitiation
      /** By which of the own keys, and how many initiations of the attempt went before. */
      readonly local: LocalKeys
      readonly tries: number
      /** When the first initiation of the attempt was sent, and when this one was. */
      readonly startedAt: Instant
      readonly sentAt: Instant
    }
  /** Initiations crossed, both were answered, and the other end's session goes first. */
  | { readonly kind: 'settling'; readonly session: TransportSession; readonly source: Source }
