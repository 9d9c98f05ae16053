import { type Instant, later, type Random, randomBytes, viewOf } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { COOKIE_SECRET_LIFE } from './constants.ts'
import { cookieKeyOf, cookieOf, holdsMac2, mac1Of } from './mac2.ts'
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
  readonly #onSecret: (secret: Uint8Array) => void
  #secret: Uint8Array | undefined
  #secretUntil: Instant | undefined

  /** `onSecret` is told each secret, as a copy of its own, before it is used. */
  constructor(options: {
    readonly crypto: CryptoProvider
    readonly random: Random
    readonly publicKey: Uint8Array
    readonly onSecret: (secret: Uint8Array) => void
  }) {
    this.#crypto = options.crypto
    this.#random = options.random
    this.#cookieKey = cookieKeyOf(options.publicKey, options.crypto)
    this.#onSecret = options.onSecret
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
      this.#onSecret(this.#secret.slice())
    }
    return cookieOf(this.#secret, origin, this.#crypto)
  }
}
