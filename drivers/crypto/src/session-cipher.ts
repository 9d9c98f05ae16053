import { invariant } from '@weft/base'
import { addressOf } from '@weft/native'
import { evp, GET_TAG, must, pointer, SET_TAG, TAG_LENGTH } from './openssl.ts'

// One for each thread: every call runs to its end before the next begins.
const NONCE_AT = 0
const LENGTH_AT = 16
const scratch = new Int32Array(8)
const nonceAddress = addressOf(scratch) + NONCE_AT
const lengthAddress = addressOf(scratch) + LENGTH_AT

/**
 * ChaCha20-Poly1305 with a WireGuard session's key and counter nonces (4 zero bytes ‖ counter, little-endian), over
 * addresses, for the fast path: no allocation per call, no associated data. The key is set once; the caller may wipe its
 * own copy after construction. Input and output may be the same place, or must not overlap. The caller keeps the memory reachable
 * during the call.
 */
export class SessionCipher {
  #context: number
  readonly #direction: 'seal' | 'open'

  /** The key has 32 bytes. */
  constructor(key: Uint8Array, direction: 'seal' | 'open') {
    invariant(key.length === 32, 'a session key of 32 bytes')
    this.#direction = direction
    this.#context = pointer(evp.newCipherContext(), 'EVP_CIPHER_CTX_new')
    const cipher = evp.chacha20Poly1305()
    must(
      evp.initialise(this.#context, cipher, 0, addressOf(key), nonceAddress, direction === 'seal' ? 1 : 0),
      'EVP_CipherInit_ex',
    )
  }

  /** Writes ciphertext (as long as the plaintext) and the 16-byte tag behind it. The counter is two unsigned halves. */
  seal(counterLow: number, counterHigh: number, plaintextAddress: number, length: number, outputAddress: number): void {
    this.#begin('seal', counterLow, counterHigh)
    const context = this.#context
    if (length > 0)
      must(evp.update(context, outputAddress, lengthAddress, plaintextAddress, length), 'EVP_CipherUpdate')
    must(evp.finish(context, outputAddress + length, lengthAddress), 'EVP_CipherFinal_ex')
    must(evp.control(context, GET_TAG, TAG_LENGTH, outputAddress + length), 'EVP_CIPHER_CTX_ctrl')
  }

  /**
   * `length` is the ciphertext's, the tag lies right behind it. True: the plaintext lies at the output. False: the tag
   * does not hold, and what lies at the output must not be used.
   */
  open(
    counterLow: number,
    counterHigh: number,
    ciphertextAddress: number,
    length: number,
    outputAddress: number,
  ): boolean {
    this.#begin('open', counterLow, counterHigh)
    const context = this.#context
    must(evp.control(context, SET_TAG, TAG_LENGTH, ciphertextAddress + length), 'EVP_CIPHER_CTX_ctrl')
    if (length > 0)
      must(evp.update(context, outputAddress, lengthAddress, ciphertextAddress, length), 'EVP_CipherUpdate')
    if (evp.finish(context, outputAddress + length, lengthAddress) === 1) return true
    evp.clearErrors()
    return false
  }

  /** Wipes the key and ends the cipher: any later call throws. Harmless when called again. */
  free(): void {
    if (this.#context !== 0) evp.freeCipherContext(this.#context)
    this.#context = 0
  }

  #begin(direction: 'seal' | 'open', counterLow: number, counterHigh: number): void {
    invariant(this.#context !== 0 && this.#direction === direction, 'a cipher in use for its direction')
    scratch[1] = counterLow
    scratch[2] = counterHigh
    must(evp.initialise(this.#context, 0, 0, 0, nonceAddress, direction === 'seal' ? 1 : 0), 'EVP_CipherInit_ex')
  }
}
