import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { blake2s } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { concatBytes, equalBytes, invariant, isZero } from '@weft/base'
import type { CryptoProvider } from './crypto-provider.ts'
import { open, seal, xopen, xseal } from './portable-ciphers.ts'

/** The provider in TypeScript alone, over the audited @noble packages: runs anywhere, 10 to 50 times slower than OpenSSL. */
export const portableCrypto: CryptoProvider = {
  x25519PublicKey: (privateKey) => x25519.getPublicKey(privateKey),
  x25519: agree,

  ed25519PublicKey: (seed) => ed25519.getPublicKey(seed),
  ed25519Sign: (seed, message) => ed25519.sign(message, seed),
  ed25519Verify: verifyStrictly,

  mlKem768PublicKey: (seed) => ml_kem768.keygen(seed).publicKey,

  sha256: (...parts) => sha256(whole(parts)),
  blake2s: (...parts) => blake2s(whole(parts)),
  blake2sMac,
  hmacBlake2s: (key, ...parts) => hmac(blake2s, key, whole(parts)),

  seal,
  open,
  xseal,
  xopen,
}

/** RFC 7748 §6.1: the seven u-coordinates of small order give zero whatever the private key; @noble throws at them. */
function agree(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  invariant(privateKey.length === 32 && publicKey.length === 32, 'X25519 keys of 32 bytes')
  let secret: Uint8Array
  try {
    secret = x25519.getSharedSecret(privateKey, publicKey)
  } catch {
    return undefined
  }
  return isZero(secret) ? undefined : secret
}

/**
 * As strict as OpenSSL, so that no signature holds for one provider only: canonical encodings, no key of small order
 * (@noble's `zip215: false`), and the equation [S]B = R + [k]A itself (RFC 8032 §5.1.7), where @noble is content with
 * eight times of it.
 */
function verifyStrictly(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  if (!ed25519.verify(signature, message, publicKey, { zip215: false })) return false
  const commitment = signature.subarray(0, 32)
  const { Fn } = ed25519.Point
  const k = Fn.create(littleEndian(sha512(concatBytes(commitment, publicKey, message))))
  const s = littleEndian(signature.subarray(32))
  const key = ed25519.Point.fromBytes(publicKey)
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k))
  return equalBytes(expected.toBytes(), commitment)
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.toReversed().toHex()}`)
}

function blake2sMac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  invariant(key.length >= 1 && key.length <= 32, 'a BLAKE2s key of 1 to 32 bytes')
  return blake2s(whole(parts), { key, dkLen: 16 })
}

function whole(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : concatBytes(...parts)
}
