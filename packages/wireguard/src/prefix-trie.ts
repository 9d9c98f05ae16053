const NONE = -1
const INITIAL_NODES = 16

/**
 * Longest-prefix match over addresses of one length: a binary radix trie in typed arrays, without a node for bits that do
 * not branch. Node i has `#length[i]` leading bits of `#key` at i × address bytes, an owner or NONE (it only branches),
 * and two children; what lies below a node begins with all its bits. Freed nodes are chained through `#zero`.
 *
 * Depth is at most the number of bits of an address; a look-up compares each byte about once and allocates nothing.
 */
export class PrefixTrie {
  readonly #bytes: number
  #capacity = INITIAL_NODES
  #used = 0
  #free = NONE
  #root = NONE
  #key: Uint8Array
  #length = new Uint8Array(INITIAL_NODES)
  #owner = new Int32Array(INITIAL_NODES)
  #zero = new Int32Array(INITIAL_NODES)
  #one = new Int32Array(INITIAL_NODES)

  /** `bytes` of an address: 4 or 16. */
  constructor(bytes: number) {
    this.#bytes = bytes
    this.#key = new Uint8Array(INITIAL_NODES * bytes)
  }

  /** The owner of the longest prefix that contains the address at that offset, or -1. */
  ownerOf(memory: Uint8Array, offset: number): number {
    let owner = NONE
    let known = 0
    let node = this.#root
    while (node !== NONE) {
      const length = this.#length[node] as number
      if (this.#commonBits(node, memory, offset, known, length) < length) break
      const here = this.#owner[node] as number
      if (here !== NONE) owner = here
      if (length === this.#bytes * 8) break
      known = length
      node = this.#child(node, bitAt(memory, offset, length))
    }
    return owner
  }

  /** Gives the prefix to the owner; the one it had before, or -1. */
  set(key: Uint8Array, length: number, owner: number): number {
    let parent = NONE
    let node = this.#root
    while (node !== NONE) {
      const nodeLength = this.#length[node] as number
      const common = this.#commonBits(node, key, 0, 0, Math.min(length, nodeLength))
      if (common < nodeLength) {
        this.#insertAbove(node, parent, common, this.#allocate(key, length, owner))
        return NONE
      }
      if (nodeLength === length) {
        const before = this.#owner[node] as number
        this.#owner[node] = owner
        return before
      }
      parent = node
      node = this.#child(node, bitAt(key, 0, nodeLength))
    }
    this.#attach(parent, this.#allocate(key, length, owner))
    return NONE
  }

  /** The owner that the prefix had, or -1. */
  remove(key: Uint8Array, length: number): number {
    let grandparent = NONE
    let parent = NONE
    let node = this.#root
    while (node !== NONE) {
      const nodeLength = this.#length[node] as number
      if (nodeLength > length || this.#commonBits(node, key, 0, 0, nodeLength) < nodeLength) return NONE
      if (nodeLength === length) break
      grandparent = parent
      parent = node
      node = this.#child(node, bitAt(key, 0, nodeLength))
    }
    if (node === NONE) return NONE
    const owner = this.#owner[node] as number
    this.#owner[node] = NONE
    this.#collapse(node, parent)
    if (parent !== NONE && this.#owner[parent] === NONE) this.#collapse(parent, grandparent)
    return owner
  }

  #insertAbove(node: number, parent: number, common: number, added: number): void {
    let above = added
    if (common < (this.#length[added] as number)) {
      above = this.#allocate(this.#keyOf(added), common, NONE)
      this.#attach(above, added)
    }
    this.#attach(parent, above)
    this.#attach(above, node)
  }

  /** Takes a node without owner away where fewer than two children need it. */
  #collapse(node: number, parent: number): void {
    const zero = this.#zero[node] as number
    const one = this.#one[node] as number
    if (zero !== NONE && one !== NONE) return
    const child = zero === NONE ? one : zero
    if (parent === NONE) this.#root = child
    else if (this.#zero[parent] === node) this.#zero[parent] = child
    else this.#one[parent] = child
    this.#zero[node] = this.#free
    this.#free = node
  }

  #attach(parent: number, node: number): void {
    if (parent === NONE) this.#root = node
    else if (bitAt(this.#key, node * this.#bytes, this.#length[parent] as number) === 0) this.#zero[parent] = node
    else this.#one[parent] = node
  }

  #child(node: number, bit: number): number {
    return (bit === 0 ? this.#zero[node] : this.#one[node]) as number
  }

  #keyOf(node: number): Uint8Array {
    return this.#key.slice(node * this.#bytes, (node + 1) * this.#bytes)
  }

  /** How many leading bits, up to `limit`, the node's key shares with the address; the first `known` are known to be. */
  #commonBits(node: number, memory: Uint8Array, offset: number, known: number, limit: number): number {
    const base = node * this.#bytes
    for (let at = known >>> 3; at * 8 < limit; at++) {
      const difference = (this.#key[base + at] as number) ^ (memory[offset + at] as number)
      if (difference !== 0) return Math.min(limit, at * 8 + Math.clz32(difference) - 24)
    }
    return limit
  }

  #allocate(key: Uint8Array, length: number, owner: number): number {
    let node = this.#free
    if (node !== NONE) this.#free = this.#zero[node] as number
    else {
      if (this.#used === this.#capacity) this.#grow()
      node = this.#used++
    }
    this.#key.set(key, node * this.#bytes)
    this.#length[node] = length
    this.#owner[node] = owner
    this.#zero[node] = NONE
    this.#one[node] = NONE
    return node
  }

  #grow(): void {
    this.#capacity *= 2
    this.#key = enlarged(this.#key, new Uint8Array(this.#capacity * this.#bytes))
    this.#length = enlarged(this.#length, new Uint8Array(this.#capacity))
    this.#owner = enlarged(this.#owner, new Int32Array(this.#capacity))
    this.#zero = enlarged(this.#zero, new Int32Array(this.#capacity))
    this.#one = enlarged(this.#one, new Int32Array(this.#capacity))
  }
}

function bitAt(memory: Uint8Array, offset: number, bit: number): number {
  return ((memory[offset + (bit >>> 3)] as number) >>> (7 - (bit & 7))) & 1
}

function enlarged<Words extends Uint8Array | Int32Array>(from: Words, into: Words): Words {
  into.set(from)
  return into
}
