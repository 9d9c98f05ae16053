import type { CryptoProvider } from '@weft/keys'
import { TAG } from '@weft/wireguard'
import type { CipherFactory, PacketCipher } from './peer-sessions.ts'

const NONCE_LENGTH = 12
const NOTHING = new Uint8Array(0)

/** The AEAD of a crypto provider over a forwarder's memory; it allocates for every packet. */
export function portableCiphers(memory: Uint8Array, crypto: CryptoProvider): CipherFactory {
  return (key) => new PortableCipher(memory, crypto, key.slice())
}

class PortableCipher implements PacketCipher {
  readonly #memory: Uint8Array
  readonly #crypto: CryptoProvider
  readonly #key: Uint8Array
  /** Four zero bytes and the counter, little-endian. WireGuard paper §5.4.6. */
  readonly #nonce = new Uint8Array(NONCE_LENGTH)
  readonly #nonceView = new DataView(this.#nonce.buffer)

  constructor(memory: Uint8Array, crypto: CryptoProvider, key: Uint8Array) {
    this.#memory = memory
    this.#crypto = crypto
    this.#key = key
  }

  seal(counterLow: number, counterHigh: number, offset: number, length: number): void {
    this.#setNonce(counterLow, counterHigh)
    const plaintext = this.#memory.subarray(offset, offset + length)
    this.#memory.set(this.#crypto.seal(this.#key, this.#nonce, plaintext, NOTHING), offset)
  }

  open(counterLow: number, counterHigh: number, offset: number, length: number): boolean {
    this.#setNonce(counterLow, counterHigh)
    const ciphertext = this.#memory.subarray(offset, offset + length + TAG)
    const plaintext = this.#crypto.open(this.#key, this.#nonce, ciphertext, NOTHING)
    if (plaintext === undefined) return false
    this.#memory.set(plaintext, offset)
    return true
  }

  free(): void {
    this.#key.fill(0)
  }

  #setNonce(low: number, high: number): void {
    this.#nonceView.setUint32(4, low, true)
    this.#nonceView.setUint32(8, high, true)
  }
}
