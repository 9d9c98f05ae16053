import type { Duration, Instant, WallTime } from '@weft/base'
import type { PrivateKey, PublicKey } from '@weft/keys'
import type { HandshakeDropReason } from './handshake-drop.ts'
import type { PeerIndex, TransportSession } from './session.ts'

/** What the engine is told. Reports of the fast path about a peer that is not there any more do nothing. */
export type EngineInput<Source> =
  /**
   * `presharedKey`: 32 bytes. Neither the number nor the key may be a present peer's. One with our own key is not taken:
   * `peer-removed`.
   */
  | {
      readonly kind: 'add-peer'
      readonly peer: PeerIndex
      readonly publicKey: PublicKey<'node'>
      readonly presharedKey?: Uint8Array
      readonly persistentKeepalive?: Duration
    }
  | { readonly kind: 'remove-peer'; readonly peer: PeerIndex }
  /** From the next handshake on; sessions that there are stay. Absent: none. */
  | { readonly kind: 'set-preshared-key'; readonly peer: PeerIndex; readonly presharedKey?: Uint8Array }
  /** At most so long without a packet in either direction, beginning with one at once; absent: any time. */
  | { readonly kind: 'set-persistent-keepalive'; readonly peer: PeerIndex; readonly interval?: Duration }
  /**
   * The same node by other keys: all sessions stay. Peers are spoken to by the first that they may know, in this order,
   * and may use any of them.
   */
  | { readonly kind: 'change-private-keys'; readonly privateKeys: readonly PrivateKey<'node'>[] }
  /** The same peer by another key, no present peer's nor an own one: sessions stay until there is one that is made with it. */
  | { readonly kind: 'change-peer-key'; readonly peer: PeerIndex; readonly publicKey: PublicKey<'node'> }
  /** All sessions are retired, and the peer that has the new key as its own is removed. Absent: no handshakes till there is one. */
  | { readonly kind: 'set-private-key'; readonly privateKey?: PrivateKey<'node'> }
  /**
   * `source` is where an answer to it goes; the engine only hands it back. `origin` stands for it in cookies and limits: the
   * address (4 or 16 bytes) and the port (2 bytes), or, where it did not come by UDP, any other bytes.
   */
  | { readonly kind: 'handshake'; readonly message: Uint8Array; readonly source: Source; readonly origin: Uint8Array }
  /** Whether this end has too much to do, also where the engine would not say so of itself. */
  | { readonly kind: 'load'; readonly isUnderLoad: boolean }
  | { readonly kind: 'session-wanted'; readonly peer: PeerIndex }
  | { readonly kind: 'rekey-due'; readonly peer: PeerIndex; readonly localIndex: number }
  | { readonly kind: 'session-confirmed'; readonly peer: PeerIndex; readonly localIndex: number }
  /** `since` as the peer's meter has it when this is told. */
  | {
      readonly kind: 'activity'
      readonly peer: PeerIndex
      readonly activity: TunnelActivity
      readonly since: Instant | undefined
    }

/** `sent`: data without an answer yet. `received`: data for which nothing was sent yet. */
export type TunnelActivity = 'sent' | 'received'

/** What the engine answers. Byte arrays are the receiver's from then on. */
export type EngineOutput<Source> =
  /**
   * Must be on disk before the outputs after it are acted upon, which send no later timestamp. It is told at the next
   * start, or a clock that was set back would lock this node out.
   */
  | { readonly kind: 'save-timestamp'; readonly bound: WallTime }
  /** To every endpoint that is known of the peer. */
  | { readonly kind: 'send-initiation'; readonly peer: PeerIndex; readonly message: Uint8Array }
  | { readonly kind: 'send-response'; readonly peer: PeerIndex; readonly message: Uint8Array; readonly to: Source }
  /** `proven`: where the response came from, which only the peer can have made. */
  | {
      readonly kind: 'install-session'
      readonly peer: PeerIndex
      readonly session: TransportSession
      readonly proven: Source | undefined
    }
  /** Of a message that is not worked on before it proves where it comes from. */
  | { readonly kind: 'send-cookie-reply'; readonly message: Uint8Array; readonly to: Source }
  /** What cookies for messages to that key are made with from now on, so that who has one may be let in first. */
  | { readonly kind: 'cookie-secret'; readonly key: PublicKey<'node'>; readonly secret: Uint8Array }
  | { readonly kind: 'forget-sessions'; readonly peer: PeerIndex }
  /** The own key is another: nothing more is sent in them, but what the peer sent before it knew is still received. */
  | { readonly kind: 'retire-sessions'; readonly peer: PeerIndex }
  /** It has our own public key, and is not there any more. */
  | { readonly kind: 'peer-removed'; readonly peer: PeerIndex }
  | { readonly kind: 'send-keepalive'; readonly peer: PeerIndex }
  | { readonly kind: 'drop-staged'; readonly peer: PeerIndex }
  /** The next such activity is to be reported, at once if it is there. */
  | { readonly kind: 'watch-activity'; readonly peer: PeerIndex; readonly activity: TunnelActivity }
  /** Both ends are known to have the current session. */
  | { readonly kind: 'handshake-complete'; readonly peer: PeerIndex }
  /** No response for 90 s. The next packet begins anew. */
  | { readonly kind: 'given-up'; readonly peer: PeerIndex }
  | { readonly kind: 'dropped'; readonly reason: HandshakeDropReason }

/** What the engine reads of the fast path when a deadline comes. */
export interface EngineMeters {
  meter(peer: PeerIndex): {
    readonly lastSent: Instant | undefined
    readonly lastReceived: Instant | undefined
    /** When the first data was sent after which nothing authentic came. */
    readonly unansweredSince: Instant | undefined
    /** When the first data was received after which nothing was sent. */
    readonly owedSince: Instant | undefined
  }
}
