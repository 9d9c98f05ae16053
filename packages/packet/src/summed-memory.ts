import { invariant } from '@weft/base'

/**
 * `onesSum` over one memory, four bytes at a time, for machines that are little-endian (all that weft runs on). Ones'
 * complement sums do not care for byte order but at the end: RFC 1071 §2 (B).
 */
export class SummedMemory {
  readonly #bytes: Uint8Array
  readonly #words: Int32Array

  /** The memory begins at a multiple of 4 of its buffer. */
  constructor(memory: Uint8Array) {
    invariant(memory.byteOffset % 4 === 0, 'memory that begins at a multiple of 4')
    this.#bytes = memory
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, memory.byteLength >>> 2)
  }

  /** As `onesSum`, of at most 65,536 bytes, at any offset. */
  sum(offset: number, length: number, initial: number): number {
    const bytes = this.#bytes
    const words = this.#words
    const end = offset + length
    let at = offset
    let low = 0
    let high = 0
    if ((at & 1) !== 0 && at < end) low += (bytes[at++] as number) << 8
    if ((at & 2) !== 0 && at + 2 <= end) {
      low += (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
      at += 2
    }
    const count = end - at
    let i = at >>> 2
    const last = count > 0 ? i + (count >>> 2) : i
    for (; i + 4 <= last; i += 4) {
      const a = words[i] as number
      const b = words[i + 1] as number
      const c = words[i + 2] as number
      const d = words[i + 3] as number
      low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)
      high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)
    }
    for (; i < last; i++) {
      const word = words[i] as number
      low += word & 0xffff
      high += word >>> 16
    }
    if (count > 0) at += count & ~3
    if (at + 2 <= end) {
      low += (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
      at += 2
    }
    if (at < end) low += bytes[at] as number
    const sum = fold(fold(low) + fold(high))
    // An odd beginning has the bytes of each word in their places already.
    return fold(initial + ((offset & 1) !== 0 ? sum : swapped(sum)))
  }
}

function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

const swapped = (sum: number): number => ((sum & 0xff) << 8) | (sum >>> 8)
