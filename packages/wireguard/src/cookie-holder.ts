import { type Instant, later } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { COOKIE_LIFE } from './constants.ts'
import type { HandshakeDropReason } from './handshake-drop.ts'
import { cookieKeyOf, mac1Of, writeMac2 } from './mac2.ts'
import type { CookieReplyMessage } from './messages.ts'

/**
 * The end that is asked to prove where it is: keeps the last cookie that a peer gave, and makes mac2 of it for as long
 * as it is young. A reply is taken once for each message of ours, and only if it was made for that one. WireGuard paper §5.4.7.
 */
export class CookieHolder {
  readonly #crypto: CryptoProvider
  readonly #cookieKey: Uint8Array
  #lastMac1: Uint8Array | undefined
  #cookie: Uint8Array | undefined
  #cookieUntil: Instant | undefined

  constructor(crypto: CryptoProvider, peerKey: Uint8Array) {
    this.#crypto = crypto
    this.#cookieKey = cookieKeyOf(peerKey, crypto)
  }

  /** Adds mac2, where there is a cookie for it, to a message of ours that is to be sent now. */
  complete(message: Uint8Array, now: Instant): void {
    this.#lastMac1 = mac1Of(message)
    if (this.#cookie === undefined || this.#cookieUntil === undefined || now >= this.#cookieUntil) return
    writeMac2(message, this.#cookie, this.#crypto)
  }

  onReply(reply: CookieReplyMessage, now: Instant): HandshakeDropReason | undefined {
    if (this.#lastMac1 === undefined) return 'cookie-reply-not-expected'
    const cookie = this.#crypto.xopen(this.#cookieKey, reply.nonce, reply.sealedCookie, this.#lastMac1)
    if (cookie === undefined) return 'cookie-reply-not-authentic'
    this.#lastMac1 = undefined
    this.#cookie = cookie
    this.#cookieUntil = later(now, COOKIE_LIFE)
    return undefined
  }
}
