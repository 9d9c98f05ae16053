import { invariant } from '@weft/base'
import { addressOf } from './library.ts'
import { mapLow, unmap } from './low-memory.ts'

/** A stretch of memory that system calls are told of by number. It does not move; nothing in it is freed before the whole. */
export class Arena {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
  /** The address of the first byte; valid while this object is reachable. */
  readonly base: number
  readonly #isMapped: boolean
  #used = 0

  /** `isLow`: where the system grants it, at an address that JavaScript computes with without allocating; to be released then. */
  constructor(size: number, isLow = false) {
    const low = isLow ? mapLow(size) : undefined
    this.bytes = low ?? new Uint8Array(size)
    this.#isMapped = low !== undefined
    this.view = new DataView(this.bytes.buffer)
    this.base = addressOf(this.bytes)
  }

  /** The offset of `size` zeroed bytes whose address is a multiple of `alignment`. */
  take(size: number, alignment = 8): number {
    const address = this.base + this.#used
    const offset = this.#used + ((alignment - (address % alignment)) % alignment)
    invariant(offset + size <= this.bytes.length, `${size} bytes left in an arena of ${this.bytes.length}`)
    this.#used = offset + size
    return offset
  }

  /** Gives low memory back. Nothing may touch it any more: not even a read. */
  release(): void {
    if (this.#isMapped) unmap(this.base, this.bytes.length)
  }

  /** Writes the address of `target` (an offset) as a pointer at `offset`. */
  setPointer(offset: number, target: number): void {
    setUint64(this.view, offset, this.base + target)
  }
}

/** Little-endian, as every machine that weft runs on; below 2^53. */
export function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true)
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true)
}
