/**
 * The primitives that weft's protocols are written on: synchronous, without state. `portableCrypto` runs anywhere,
 * `drivers/crypto` is the same on OpenSSL; both are held to the same vectors.
 *
 * Arrays passed in are only read; arrays returned are the caller's. A wrong length is our own fault and throws.
 */
export interface CryptoProvider {
  /** 32 bytes from 32 bytes. RFC 7748 §5. */
  x25519PublicKey(privateKey: Uint8Array): Uint8Array
  /** The shared secret (32 bytes), or `undefined` where it is all zero: the public key has small order. RFC 7748 §6.1. */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined

  /** 32 bytes from a 32-byte seed. RFC 8032 §5.1.5. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array
  /** 64 bytes. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array
  /**
   * False for a wrong signature, for bytes that are no signature or no key, and for a key of small order, under which one
   * signature holds for many messages. All providers accept the same.
   */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean

  /** The encapsulation key (1,184 bytes) of the 64-byte seed d‖z. FIPS 203 §7.1. */
  mlKem768PublicKey(seed: Uint8Array): Uint8Array

  /** 32 bytes over the parts, one after the other. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  /** 32 bytes, unkeyed. RFC 7693. */
  blake2s(...parts: readonly Uint8Array[]): Uint8Array
  /** Keyed BLAKE2s with 16 bytes of output; the key has 1 to 32 bytes. RFC 7693 §2.9. */
  blake2sMac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC (RFC 2104) over BLAKE2s: 32 bytes. */
  hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array

  /** ChaCha20-Poly1305 (RFC 8439): ciphertext with its 16-byte tag behind. The nonce has 12 bytes. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array
  /** The plaintext, or `undefined` where the tag does not hold. */
  open(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, associatedData: Uint8Array): Uint8Array | undefined
  /** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): as `seal` with a nonce of 24 bytes, long enough to be random. */
  xseal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array
  xopen(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, associatedData: Uint8Array): Uint8Array | undefined
}
