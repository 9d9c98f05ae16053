import { invariant } from '@weft/base'
import { MAX_PEERS } from '@weft/datapath'
import type { PublicKey } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import { WgPeer } from './wg-peer.ts'

/** The peers by key and by number, in the order in which they were made. */
export class PeerTable {
  readonly #byKey = new Map<PublicKey<'node'>, WgPeer>()
  readonly #byIndex: (WgPeer | undefined)[] = []
  /** The one that was given back first is taken first: a late report finds nobody rather than somebody else. */
  readonly #free: PeerIndex[] = []
  #taken = 0

  get size(): number {
    return this.#byKey.size
  }

  values(): IterableIterator<WgPeer> {
    return this.#byKey.values()
  }

  get(key: PublicKey<'node'>): WgPeer | undefined {
    return this.#byKey.get(key)
  }

  at(index: PeerIndex): WgPeer | undefined {
    return this.#byIndex[index]
  }

  add(key: PublicKey<'node'>): WgPeer {
    invariant(this.size < MAX_PEERS && !this.#byKey.has(key), 'a peer is added once, and there is room for it')
    const fresh = this.#taken < MAX_PEERS ? (this.#taken++ as PeerIndex) : undefined
    const index = fresh ?? this.#free.shift()
    invariant(index !== undefined, 'a number is free where there is room')
    const peer = new WgPeer(index, key)
    this.#byKey.set(key, peer)
    this.#byIndex[index] = peer
    return peer
  }

  remove(peer: WgPeer): void {
    this.#byKey.delete(peer.publicKey)
    this.#byIndex[peer.index] = undefined
    this.#free.push(peer.index)
  }
}
