import { utf8 } from '@weft/base'
import { portableCrypto } from '@weft/keys/portable'
import { blake2s, hmacBlake2s, open, seal, x25519, x25519PublicKey } from './openssl-crypto.ts'

/**
 * WireGuard's handshake once more, line by line as the paper writes it (§5.4.2 to §5.4.5), without Noise, without classes,
 * on OpenSSL. C is the chaining key, H the hash, k a key. It checks nothing and is not meant to be fast.
 */
export interface ReferenceKeys {
  readonly privateKey: Uint8Array
  readonly publicKey: Uint8Array
}

export interface Derived {
  readonly initiatorSends: Uint8Array
  readonly responderSends: Uint8Array
}

const CONSTRUCTION = utf8('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s')
const IDENTIFIER = utf8('WireGuard v1 zx2c4 Jason@zx2c4.com')
const NONCE = new Uint8Array(12)
const EMPTY = new Uint8Array(0)

export function referenceKeys(privateKey: Uint8Array): ReferenceKeys {
  return { privateKey, publicKey: x25519PublicKey(privateKey) }
}

export function referenceInitiation(o: {
  readonly initiator: ReferenceKeys
  readonly responderPublic: Uint8Array
  readonly ephemeral: ReferenceKeys
  readonly index: number
  readonly timestamp: Uint8Array
}): { readonly message: Uint8Array; readonly c: Uint8Array; readonly h: Uint8Array } {
  let c = blake2s(CONSTRUCTION)
  let h = blake2s(blake2s(c, IDENTIFIER), o.responderPublic)
  let k: Uint8Array
  ;[c] = kdf(c, o.ephemeral.publicKey)
  h = blake2s(h, o.ephemeral.publicKey)
  ;[c, k] = kdf(c, dh(o.ephemeral.privateKey, o.responderPublic))
  const sealedStatic = seal(k, NONCE, o.initiator.publicKey, h)
  h = blake2s(h, sealedStatic)
  ;[c, k] = kdf(c, dh(o.initiator.privateKey, o.responderPublic))
  const sealedTimestamp = seal(k, NONCE, o.timestamp, h)
  h = blake2s(h, sealedTimestamp)
  const body = bytes(1, 0, 0, 0, ...le32(o.index), ...o.ephemeral.publicKey, ...sealedStatic, ...sealedTimestamp)
  return { message: withMacs(body, o.responderPublic), c, h }
}

/** The timestamp in an initiation to the responder, and the state after it. */
export function referenceReadInitiation(
  responder: ReferenceKeys,
  message: Uint8Array,
): {
  readonly initiatorPublic: Uint8Array | undefined
  readonly timestamp: Uint8Array | undefined
  readonly c: Uint8Array
  readonly h: Uint8Array
} {
  const ephemeral = message.slice(8, 40)
  let c = blake2s(CONSTRUCTION)
  let h = blake2s(blake2s(c, IDENTIFIER), responder.publicKey)
  let k: Uint8Array
  ;[c] = kdf(c, ephemeral)
  h = blake2s(h, ephemeral)
  ;[c, k] = kdf(c, dh(responder.privateKey, ephemeral))
  const initiatorPublic = open(k, NONCE, message.slice(40, 88), h)
  h = blake2s(h, message.slice(40, 88))
  ;[c, k] = kdf(c, dh(responder.privateKey, initiatorPublic ?? EMPTY))
  const timestamp = open(k, NONCE, message.slice(88, 116), h)
  h = blake2s(h, message.slice(88, 116))
  return { initiatorPublic, timestamp, c, h }
}

export function referenceResponse(o: {
  readonly c: Uint8Array
  readonly h: Uint8Array
  readonly initiation: Uint8Array
  readonly initiatorPublic: Uint8Array
  readonly ephemeral: ReferenceKeys
  readonly index: number
  readonly presharedKey: Uint8Array
}): { readonly message: Uint8Array; readonly derived: Derived } {
  let { c, h } = o
  const initiatorEphemeral = o.initiation.slice(8, 40)
  ;[c] = kdf(c, o.ephemeral.publicKey)
  h = blake2s(h, o.ephemeral.publicKey)
  ;[c] = kdf(c, dh(o.ephemeral.privateKey, initiatorEphemeral))
  ;[c] = kdf(c, dh(o.ephemeral.privateKey, o.initiatorPublic))
  const [c3, tau, k] = kdf(c, o.presharedKey)
  h = blake2s(h, tau)
  const sealedNothing = seal(k, NONCE, EMPTY, h)
  const body = bytes(
    2,
    0,
    0,
    0,
    ...le32(o.index),
    ...o.initiation.slice(4, 8),
    ...o.ephemeral.publicKey,
    ...sealedNothing,
  )
  const [initiatorSends, responderSends] = kdf(c3, EMPTY)
  return { message: withMacs(body, o.initiatorPublic), derived: { initiatorSends, responderSends } }
}

/** What the initiator derives from a response. */
export function referenceReadResponse(o: {
  readonly c: Uint8Array
  readonly h: Uint8Array
  readonly initiator: ReferenceKeys
  readonly ephemeral: ReferenceKeys
  readonly message: Uint8Array
  readonly presharedKey: Uint8Array
}): Derived | undefined {
  const responderEphemeral = o.message.slice(12, 44)
  let { c, h } = o
  ;[c] = kdf(c, responderEphemeral)
  h = blake2s(h, responderEphemeral)
  ;[c] = kdf(c, dh(o.ephemeral.privateKey, responderEphemeral))
  ;[c] = kdf(c, dh(o.initiator.privateKey, responderEphemeral))
  const [c3, tau, k] = kdf(c, o.presharedKey)
  h = blake2s(h, tau)
  if (open(k, NONCE, o.message.slice(44, 60), h) === undefined) return undefined
  const [initiatorSends, responderSends] = kdf(c3, EMPTY)
  return { initiatorSends, responderSends }
}

/** mac1 over what comes before it, under the hash of the label and the receiver's key; mac2 zero. §5.4.4. */
export function withMacs(body: Uint8Array, receiverPublic: Uint8Array): Uint8Array {
  const mac1 = portableCrypto.blake2sMac(blake2s(utf8('mac1----'), receiverPublic), body)
  return bytes(...body, ...mac1, ...new Uint8Array(16))
}

function kdf(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const t0 = hmacBlake2s(key, input)
  const t1 = hmacBlake2s(t0, bytes(1))
  const t2 = hmacBlake2s(t0, t1, bytes(2))
  return [t1, t2, hmacBlake2s(t0, t2, bytes(3))]
}

const dh = (privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array => x25519(privateKey, publicKey) ?? EMPTY
const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)
const le32 = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)
