import { invariant } from '@weft/base'
import { type Arena, addressOf } from '@weft/native'
import { evp, GET_TAG, must, pointer, SET_TAG, TAG_LENGTH } from './openssl.ts'
import type { SessionCipher } from './session-cipher.ts'

// One for each thread: every call runs to its end before the next begins.
const NONCE_AT = 0
const LENGTH_AT = 16
const scratch = new Int32Array(8)
const nonceAddress = addressOf(scratch) + NONCE_AT
const lengthAddress = addressOf(scratch) + LENGTH_AT

/** OpenSSL's own AEAD; the key is set once. */
export class EvpSessionCipher implements SessionCipher {
  readonly #arena: Arena
  #context: number
  readonly #direction: 'seal' | 'open'

  constructor(arena: Arena, key: Uint8Array, direction: 'seal' | 'open') {
    invariant(key.length === 32, 'a session key of 32 bytes')
    this.#arena = arena
    this.#direction = direction
    this.#context = pointer(evp.newCipherContext(), 'EVP_CIPHER_CTX_new')
    const cipher = evp.chacha20Poly1305()
    must(
      evp.initialise(this.#context, cipher, 0, addressOf(key), nonceAddress, direction === 'seal' ? 1 : 0),
      'EVP_CipherInit_ex',
    )
  }

  seal(counterLow: number, counterHigh: number, offset: number, length: number): void {
    this.#begin('seal', counterLow, counterHigh)
    const context = this.#context
    const address = this.#arena.base + offset
    if (length > 0) must(evp.update(context, address, lengthAddress, address, length), 'EVP_CipherUpdate')
    must(evp.finish(context, address + length, lengthAddress), 'EVP_CipherFinal_ex')
    must(evp.control(context, GET_TAG, TAG_LENGTH, address + length), 'EVP_CIPHER_CTX_ctrl')
  }

  open(counterLow: number, counterHigh: number, offset: number, length: number): boolean {
    this.#begin('open', counterLow, counterHigh)
    const context = this.#context
    const address = this.#arena.base + offset
    must(evp.control(context, SET_TAG, TAG_LENGTH, address + length), 'EVP_CIPHER_CTX_ctrl')
    if (length > 0) must(evp.update(context, address, lengthAddress, address, length), 'EVP_CipherUpdate')
    if (evp.finish(context, address + length, lengthAddress) === 1) return true
    evp.clearErrors()
    return false
  }

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
