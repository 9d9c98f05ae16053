import { concatBytes, equalBytes, utf8 } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { INITIATION_LENGTH, RESPONSE_LENGTH } from './constants.ts'
import { MAC_LENGTH } from './mac1.ts'

const LABEL_COOKIE = utf8('cookie--')

/** The key under which the owner of that public key seals cookies. WireGuard paper §5.4.7. */
export function cookieKeyOf(publicKey: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.blake2s(concatBytes(LABEL_COOKIE, publicKey))
}

/** The mac1 of an initiation or response, to which a cookie reply is bound. */
export function mac1Of(message: Uint8Array): Uint8Array {
  return message.slice(message.length - 2 * MAC_LENGTH, message.length - MAC_LENGTH)
}

/** Whether mac2 was made with that cookie. */
export function holdsMac2(message: Uint8Array, cookie: Uint8Array, crypto: CryptoProvider): boolean {
  if (message.length !== INITIATION_LENGTH && message.length !== RESPONSE_LENGTH) return false
  const at = message.length - MAC_LENGTH
  return equalBytes(crypto.blake2sMac(cookie, message.subarray(0, at)), message.subarray(at))
}

/** Whether the message proves by the cookie made with that secret that it comes from `origin`. */
export function holdsCookie(
  message: Uint8Array,
  secret: Uint8Array,
  origin: Uint8Array,
  crypto: CryptoProvider,
): boolean {
  return holdsMac2(message, cookieOf(secret, origin, crypto), crypto)
}

export function cookieOf(secret: Uint8Array, origin: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.blake2sMac(secret, origin)
}

/** Writes mac2 into an initiation or response whose mac1 is there. */
export function writeMac2(message: Uint8Array, cookie: Uint8Array, crypto: CryptoProvider): void {
  const at = message.length - MAC_LENGTH
  message.set(crypto.blake2sMac(cookie, message.subarray(0, at)), at)
}
