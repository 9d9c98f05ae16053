import { invariant } from '@weft/base'
import { addressOf } from './library.ts'

/** A stretch of memory that system calls are told of by number. It does not move; nothing in it is freed before the whole. */
export class Arena {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
  /** The address of the first byte; valid while this object is reachable. */
  readonly base: number
  #used = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
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
