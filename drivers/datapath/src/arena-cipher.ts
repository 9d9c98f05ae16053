import { SessionCipher } from '@weft/crypto'
import type { CipherFactory, PacketCipher } from '@weft/datapath'
import type { Arena } from '@weft/native'

/** OpenSSL's AEAD over offsets in an arena. */
class ArenaCipher implements PacketCipher {
  readonly #cipher: SessionCipher
  readonly #base: number

  constructor(cipher: SessionCipher, base: number) {
    this.#cipher = cipher
    this.#base = base
  }

  seal(counterLow: number, counterHigh: number, offset: number, length: number, output: number): void {
    this.#cipher.seal(counterLow, counterHigh, this.#base + offset, length, this.#base + output)
  }

  open(counterLow: number, counterHigh: number, offset: number, length: number, output: number): boolean {
    return this.#cipher.open(counterLow, counterHigh, this.#base + offset, length, this.#base + output)
  }

  free(): void {
    this.#cipher.free()
  }
}

export function arenaCiphers(arena: Arena): CipherFactory {
  return (key, direction) => new ArenaCipher(new SessionCipher(key, direction), arena.base)
}
