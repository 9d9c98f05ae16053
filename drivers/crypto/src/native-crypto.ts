import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { equalBytes, invariant, isZero, utf8 } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { xopen, xseal } from '@weft/keys/portable-ciphers'
import { isAcceptableEd25519Key } from './ed25519-key.ts'
import { keyedBlake2s } from './keyed-blake2s.ts'
import { openOnce, sealOnce } from './one-shot-cipher.ts'

/** The provider on the OpenSSL inside Node.js: its own interface where there is one, FFI for keyed BLAKE2s and the AEAD. */
export const nativeCrypto: CryptoProvider = {
  x25519PublicKey: (privateKey) => rawPublicKey(agreementKey(privateKey)),
  x25519: agree,

  ed25519PublicKey: (seed) => rawPublicKey(importPrivate('ed25519', 'raw-private', seed)),
  ed25519Sign: (seed, message) => plain(sign(null, message, importPrivate('ed25519', 'raw-private', seed))),
  ed25519Verify(publicKey, message, signature) {
    if (signature.length !== 64 || !isAcceptableEd25519Key(publicKey)) return false
    return verify(null, message, importPublic('ed25519', publicKey), signature)
  },

  mlKem768PublicKey: (seed) => rawPublicKey(importPrivate('ml-kem-768', 'raw-seed', seed)),

  sha256: (...parts) => digest(createHash('sha256'), parts),
  blake2s: (...parts) => digest(createHash('blake2s256'), parts),
  blake2sMac: keyedBlake2s,
  hmacBlake2s: (key, ...parts) => digest(createHmac('blake2s256', key), parts),

  seal: sealOnce,
  open: openOnce,
  // OpenSSL has no XChaCha20; it seals cookies only, which are few.
  xseal,
  xopen,
}

const agreementKeys = new WeakMap<Uint8Array, { readonly mark: Uint8Array; readonly key: KeyObject }>()
const MARK_KEY = utf8('which key is it')

function agree(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  const ours = agreementKey(privateKey)
  invariant(publicKey.length === 32, 'X25519 keys of 32 bytes')
  const theirs = importPublic('x25519', publicKey)
  let secret: Uint8Array
  try {
    secret = plain(diffieHellman({ privateKey: ours, publicKey: theirs }))
  } catch (error) {
    if (isDerivationFailure(error)) return undefined
    throw error
  }
  return isZero(secret) ? undefined : secret
}

/**
 * To import a private key OpenSSL computes its public one, which costs as much as an agreement; a handshake uses each of its
 * keys two or three times. So an imported key is kept for as long as its array is, and looked at whether it is still the same.
 */
function agreementKey(privateKey: Uint8Array): KeyObject {
  invariant(privateKey.length === 32, 'X25519 keys of 32 bytes')
  const mark = keyedBlake2s(MARK_KEY, privateKey)
  const known = agreementKeys.get(privateKey)
  if (known !== undefined && equalBytes(known.mark, mark)) return known.key
  const key = importPrivate('x25519', 'raw-private', privateKey)
  agreementKeys.set(privateKey, { mark, key })
  return key
}

/** OpenSSL refuses an all-zero result itself, and names it so. */
function isDerivationFailure(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_OSSL_FAILED_DURING_DERIVATION'
}

function importPrivate(
  asymmetricKeyType: 'x25519' | 'ed25519' | 'ml-kem-768',
  format: 'raw-private' | 'raw-seed',
  key: Uint8Array,
): KeyObject {
  return createPrivateKey({ key, format, asymmetricKeyType })
}

function importPublic(asymmetricKeyType: 'x25519' | 'ed25519', key: Uint8Array): KeyObject {
  return createPublicKey({ key, format: 'raw-public', asymmetricKeyType })
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  return plain(createPublicKey(privateKey).export({ format: 'raw-public' }))
}

interface Digest {
  update(data: Uint8Array): unknown
  digest(): Uint8Array
}

function digest(state: Digest, parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) state.update(part)
  return plain(state.digest())
}

/** Packages know no Buffer, whose `slice` shares where a Uint8Array's copies. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
