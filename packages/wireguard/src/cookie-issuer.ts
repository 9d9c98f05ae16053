import { type Instant, later, type Random, randomBytes, viewOf } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { COOKIE_SECRET_LIFE } from './constants.ts'
import { cookieKeyOf, holdsMac2, mac1Of } from './mac2.ts'
import { COOKIE_NONCE_LENGTH, encodeCookieReply } from './messages.ts'

const SECRET_LENGTH = 32

/**
 * The end that is under load: instead of doing a handshake's work it sends a *cookie*, a MAC over where the message came
 * from, under a secret that changes every two minutes. Who repeats the message with a mac2 made of it is where it says
 * to be. Nothing is kept of anyone. WireGuard paper §5.3, §5.4.7.
 */
export class CookieIssuer {
  readonly #crypto: CryptoProvider
  readonly #random: Random
  readonly #cookieKey: Uint8Array
  #secret: Uint8Array | undefined
  #secretUntil: Instant | undefined

  constructor(crypto: CryptoProvider, random: Random, publicKey: Uint8Array) {
    this.#crypto = crypto
    this.#random = random
    this.#cookieKey = cookieKeyOf(publicKey, crypto)
  }

  /** Whether the message carries a mac2 made of the cookie that `origin` (address and port) has now. */
  holds(message: Uint8Array, origin: Uint8Array, now: Instant): boolean {
    return holdsMac2(message, this.#cookieOf(origin, now), this.#crypto)
  }

  /** The cookie reply to an initiation or response whose mac1 holds. */
  reply(message: Uint8Array, origin: Uint8Array, now: Instant): Uint8Array {
    const nonce = randomBytes(this.#random, COOKIE_NONCE_LENGTH)
    const sealedCookie = this.#crypto.xseal(this.#cookieKey, nonce, this.#cookieOf(origin, now), mac1Of(message))
    return encodeCookieReply({ receiver: viewOf(message).getUint32(4, true), nonce, sealedCookie })
  }

  #cookieOf(origin: Uint8Array, now: Instant): Uint8Array {
    if (this.#secret === undefined || this.#secretUntil === undefined || now >= this.#secretUntil) {
      this.#secret = randomBytes(this.#random, SECRET_LENGTH)
      this.#secretUntil = later(now, COOKIE_SECRET_LIFE)
    }
    return this.#crypto.blake2sMac(this.#secret, origin)
  }
}
