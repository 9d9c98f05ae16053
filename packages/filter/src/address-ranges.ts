import { type Family, familyOf, ipBytes, type Prefix, prefixParts } from '@weft/base'

const WORDS = 4
const WORD_BITS = 32
const BITS = WORDS * WORD_BITS

/**
 * A set of addresses of one family, asked by binary search: a rule may name 10,000 hosts. It is made anew whenever one comes
 * or leaves, while packets wait.
 */
export class AddressRanges {
  readonly #count: number
  /** Four words for each address, an IPv4 address in the last one; sorted, not overlapping. */
  readonly #firsts: Uint32Array
  readonly #lasts: Uint32Array

  constructor(prefixes: readonly Prefix[], family: Family) {
    const own = prefixes.filter((prefix) => familyOf(prefix) === family)
    const firsts = new Uint32Array(own.length * WORDS)
    const lasts = new Uint32Array(own.length * WORDS)
    for (const [i, prefix] of own.entries()) putRange(prefix, firsts, lasts, i * WORDS)
    // Prefixes contain each other or have nothing in common, so only contained ones have to go.
    this.#firsts = new Uint32Array(own.length * WORDS)
    this.#lasts = new Uint32Array(own.length * WORDS)
    let count = 0
    for (const at of inOrder(firsts, lasts)) {
      if (count > 0 && compareWords(firsts, at, this.#lasts, (count - 1) * WORDS) <= 0) continue
      this.#firsts.set(firsts.subarray(at, at + WORDS), count * WORDS)
      this.#lasts.set(lasts.subarray(at, at + WORDS), count * WORDS)
      count++
    }
    this.#count = count
  }

  /** The address is four words at `at`. */
  has(words: Uint32Array, at: number): boolean {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareWords(this.#firsts, middle * WORDS, words, at) <= 0) low = middle + 1
      else high = middle
    }
    return low > 0 && compareWords(words, at, this.#lasts, (low - 1) * WORDS) <= 0
  }
}

/** Where each range is, by its first address; of those that begin alike the longest goes first. */
function inOrder(firsts: Uint32Array, lasts: Uint32Array): Uint32Array {
  const places = Uint32Array.from({ length: firsts.length / WORDS }, (_, i) => i * WORDS)
  return places.sort((a, b) => compareWords(firsts, a, firsts, b) || compareWords(lasts, b, lasts, a))
}

function putRange(prefix: Prefix, firsts: Uint32Array, lasts: Uint32Array, at: number): void {
  const { address, length } = prefixParts(prefix)
  const bytes = ipBytes(address)
  const skipped = BITS / 8 - bytes.length
  for (const [i, byte] of bytes.entries()) {
    const word = at + ((skipped + i) >> 2)
    firsts[word] = ((firsts[word] ?? 0) << 8) | byte
  }
  for (let i = 0; i < WORDS; i++) {
    const kept = skipped * 8 + length - i * WORD_BITS
    const hostBits = kept >= WORD_BITS ? 0 : 0xffffffff >>> Math.max(0, kept)
    lasts[at + i] = (firsts[at + i] ?? 0) | hostBits
  }
}

function compareWords(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let i = 0; i < WORDS; i++) {
    const difference = (a[aAt + i] ?? 0) - (b[bAt + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
