import { invariant } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import { cipherNonce } from './cipher-nonce.ts'

const NOTHING = new Uint8Array(0)

/**
 * What follows a handshake over a stream that keeps the order: each message is sealed with the next counter, so a lost,
 * repeated or reordered one does not open.
 */
export class NoiseTransport {
  readonly #crypto: CryptoProvider
  readonly #sendKey: Uint8Array
  readonly #receiveKey: Uint8Array
  #sent = 0
  #received = 0

  constructor(keys: { readonly sendKey: Uint8Array; readonly receiveKey: Uint8Array }, crypto: CryptoProvider) {
    this.#crypto = crypto
    this.#sendKey = keys.sendKey
    this.#receiveKey = keys.receiveKey
  }

  /** 16 bytes longer than the plaintext. */
  seal(plaintext: Uint8Array): Uint8Array {
    invariant(this.#sent < Number.MAX_SAFE_INTEGER, 'a counter is used once')
    return this.#crypto.seal(this.#sendKey, cipherNonce(this.#sent++), plaintext, NOTHING)
  }

  /** The plaintext; or `undefined` where this is not the next message, and then the next one is still awaited. */
  open(ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#crypto.open(this.#receiveKey, cipherNonce(this.#received), ciphertext, NOTHING)
    if (plaintext !== undefined) this.#received++
    return plaintext
  }
}
