import { type Family, familyOf, ipBytes, type Prefix, prefixParts } from '@weft/base'
import { PrefixTrie } from './prefix-trie.ts'
import type { PeerIndex } from './session.ts'

/**
 * Which peer may send from an address and is routed for it: the owner of the most specific prefix that contains it.
 * A prefix has one owner at a time; giving it to another moves it. WireGuard paper §2.
 */
export class AllowedIps {
  readonly #trie4 = new PrefixTrie(4)
  readonly #trie6 = new PrefixTrie(16)
  readonly #prefixes = new Map<PeerIndex, Set<Prefix>>()
  #size = 0

  /** How many prefixes there are. */
  get size(): number {
    return this.#size
  }

  /** Of the address whose bytes lie at that offset, or -1. */
  ownerOf(memory: Uint8Array, offset: number, family: Family): PeerIndex | -1 {
    const owner = family === 4 ? this.#trie4.ownerOf(memory, offset) : this.#trie6.ownerOf(memory, offset)
    return owner as PeerIndex | -1
  }

  set(prefix: Prefix, owner: PeerIndex): void {
    const { address, length } = prefixParts(prefix)
    this.#forget(prefix, this.#trieOf(prefix).set(ipBytes(address), length, owner))
    const owned = this.#prefixes.get(owner)
    if (owned === undefined) this.#prefixes.set(owner, new Set([prefix]))
    else owned.add(prefix)
    this.#size++
  }

  remove(prefix: Prefix): void {
    const { address, length } = prefixParts(prefix)
    this.#forget(prefix, this.#trieOf(prefix).remove(ipBytes(address), length))
  }

  removeOwner(owner: PeerIndex): void {
    for (const prefix of this.prefixesOf(owner)) this.remove(prefix)
  }

  isOwner(prefix: Prefix, owner: PeerIndex): boolean {
    return this.#prefixes.get(owner)?.has(prefix) ?? false
  }

  prefixesOf(owner: PeerIndex): readonly Prefix[] {
    return [...(this.#prefixes.get(owner) ?? [])]
  }

  #forget(prefix: Prefix, owner: number): void {
    const owned = this.#prefixes.get(owner as PeerIndex)
    if (owned?.delete(prefix)) this.#size--
    if (owned?.size === 0) this.#prefixes.delete(owner as PeerIndex)
  }

  #trieOf(prefix: Prefix): PrefixTrie {
    return familyOf(prefix) === 4 ? this.#trie4 : this.#trie6
  }
}
