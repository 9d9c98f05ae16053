import { type Family, familyOf, ipBytes, type Prefix, prefixParts } from '@weft/base'

const WORDS = 4
const WORD_BITS = 32n

interface Range {
  readonly first: bigint
  readonly last: bigint
}

/** A set of addresses of one family, asked by binary search: a rule may name 10,000 hosts. */
export class AddressRanges {
  readonly #count: number
  /** Four words for each address, an IPv4 address in the last one; sorted, not overlapping. */
  readonly #firsts: Uint32Array
  readonly #lasts: Uint32Array

  constructor(prefixes: readonly Prefix[], family: Family) {
    const ranges = disjoint(prefixes.filter((prefix) => familyOf(prefix) === family).map(rangeOf))
    this.#count = ranges.length
    this.#firsts = new Uint32Array(ranges.length * WORDS)
    this.#lasts = new Uint32Array(ranges.length * WORDS)
    for (const [i, { first, last }] of ranges.entries()) {
      putWords(this.#firsts, i * WORDS, first)
      putWords(this.#lasts, i * WORDS, last)
    }
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

function rangeOf(prefix: Prefix): Range {
  const { address, length } = prefixParts(prefix)
  const bytes = ipBytes(address)
  let first = 0n
  for (const byte of bytes) first = (first << 8n) | BigInt(byte)
  return { first, last: first + (1n << BigInt(bytes.length * 8 - length)) - 1n }
}

/** Prefixes contain each other or have nothing in common, so only contained ones have to go. */
function disjoint(ranges: readonly Range[]): readonly Range[] {
  const sorted = ranges.toSorted((a, b) => compare(a.first, b.first) || compare(b.last, a.last))
  const kept: Range[] = []
  let covered = -1n
  for (const range of sorted) {
    if (range.first <= covered) continue
    kept.push(range)
    covered = range.last
  }
  return kept
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

function putWords(words: Uint32Array, at: number, value: bigint): void {
  for (let i = 0; i < WORDS; i++)
    words[at + i] = Number(BigInt.asUintN(32, value >> (BigInt(WORDS - 1 - i) * WORD_BITS)))
}

function compareWords(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let i = 0; i < WORDS; i++) {
    const difference = (a[aAt + i] ?? 0) - (b[bAt + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
