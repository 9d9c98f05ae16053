import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from 'node:crypto'
import { isZero } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'

// RFC 8410: what stands before the 32 bytes of an X25519 key in PKCS #8 and in SubjectPublicKeyInfo.
const PKCS8 = Uint8Array.fromHex('302e020100300506032b656e04220420')
const SPKI = Uint8Array.fromHex('302a300506032b656e032100')
const BASE_POINT = new Uint8Array(32)
BASE_POINT[0] = 9

/** X25519, RFC 7748, by Node.js's own OpenSSL; `undefined` where the secret is zero. */
export function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  try {
    const secret = diffieHellman({
      privateKey: createPrivateKey({ key: joined(PKCS8, privateKey), format: 'der', type: 'pkcs8' }),
      publicKey: createPublicKey({ key: joined(SPKI, publicKey), format: 'der', type: 'spki' }),
    })
    return isZero(secret) ? undefined : Uint8Array.from(secret)
  } catch {
    return undefined
  }
}

export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  return x25519(privateKey, BASE_POINT) ?? new Uint8Array(32)
}

export function blake2s(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHash('blake2s256')
      .update(joined(...parts))
      .digest(),
  )
}

export function hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHmac('blake2s256', key)
      .update(joined(...parts))
      .digest(),
  )
}

export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length })
  return joined(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < 16) return undefined
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  const plaintextLength = ciphertext.length - 16
  decipher.setAAD(associatedData, { plaintextLength })
  decipher.setAuthTag(ciphertext.subarray(plaintextLength))
  try {
    return joined(decipher.update(ciphertext.subarray(0, plaintextLength)), decipher.final())
  } catch {
    return undefined
  }
}

/** What a handshake needs, fast; the rest is the portable provider's. */
export const opensslCrypto: CryptoProvider = {
  ...portableCrypto,
  x25519,
  x25519PublicKey,
  blake2s,
  hmacBlake2s,
  seal,
  open,
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
