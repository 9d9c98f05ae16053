import { concatBytes, utf8 } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { cipherNonce } from './cipher-nonce.ts'

const HASH_LENGTH = 32
const TAG_LENGTH = 16
const NOTHING = new Uint8Array(0)

/**
 * Noise §5.2 with BLAKE2s and ChaCha20-Poly1305, with the cipher of §5.1 inside: a chaining key, a hash of all that was
 * said, and, from the first `mixKey` on, a cipher key with its counter.
 *
 * The protocol's name is hashed where it is longer than a hash, as §5.2 says; so WireGuard's construction serves as it is,
 * and WireGuard's identifier is the prologue, mixed by `mixHash`.
 */
export class SymmetricState {
  readonly #crypto: CryptoProvider
  #chainingKey: Uint8Array
  #hash: Uint8Array
  #cipher: { readonly key: Uint8Array; counter: number } | undefined

  constructor(protocolName: string, crypto: CryptoProvider) {
    const name = utf8(protocolName)
    this.#crypto = crypto
    this.#hash =
      name.length > HASH_LENGTH ? crypto.blake2s(name) : concatBytes(name, new Uint8Array(HASH_LENGTH - name.length))
    this.#chainingKey = this.#hash
  }

  /** The hash of all that was said: after a handshake both sides have the same. Not to be changed. */
  get hash(): Uint8Array {
    return this.#hash
  }

  mixHash(data: Uint8Array): void {
    this.#hash = this.#crypto.blake2s(this.#hash, data)
  }

  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = this.#derive(inputKeyMaterial)
    this.#chainingKey = chainingKey
    this.#cipher = { key, counter: 0 }
  }

  mixKeyAndHash(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#derive(inputKeyMaterial)
    this.#chainingKey = chainingKey
    this.mixHash(hashed)
    this.#cipher = { key, counter: 0 }
  }

  /** In the clear while there is no key yet. */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const cipher = this.#cipher
    const ciphertext = cipher
      ? this.#crypto.seal(cipher.key, cipherNonce(cipher.counter++), plaintext, this.#hash)
      : plaintext.slice()
    this.mixHash(ciphertext)
    return ciphertext
  }

  /** The plaintext; or `undefined` where it does not authenticate, and then the state is what it was. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const cipher = this.#cipher
    if (cipher === undefined) {
      this.mixHash(ciphertext)
      return ciphertext.slice()
    }
    if (ciphertext.length < TAG_LENGTH) return undefined
    const plaintext = this.#crypto.open(cipher.key, cipherNonce(cipher.counter), ciphertext, this.#hash)
    if (plaintext === undefined) return undefined
    cipher.counter++
    this.mixHash(ciphertext)
    return plaintext
  }

  /** The two transport keys of 32 bytes: `first` seals what the initiator sends, `second` what the responder does. */
  split(): { readonly first: Uint8Array; readonly second: Uint8Array } {
    const [first, second] = this.#derive(NOTHING)
    return { first, second }
  }

  /** A copy to try something on: what happens to it does not happen to this. */
  clone(): SymmetricState {
    const copy = new SymmetricState('', this.#crypto)
    copy.#chainingKey = this.#chainingKey
    copy.#hash = this.#hash
    copy.#cipher = this.#cipher && { ...this.#cipher }
    return copy
  }

  /** HKDF of §4.3. Its third output costs one hash and is ignored where two are wanted. */
  #derive(inputKeyMaterial: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
    const { hmacBlake2s } = this.#crypto
    const temporary = hmacBlake2s(this.#chainingKey, inputKeyMaterial)
    const first = hmacBlake2s(temporary, Uint8Array.of(1))
    const second = hmacBlake2s(temporary, first, Uint8Array.of(2))
    const third = hmacBlake2s(temporary, second, Uint8Array.of(3))
    return [first, second, third]
  }
}
