import { MAX_PEERS } from '@weft/datapath'
import type { PeerIndex } from '@weft/wireguard'

/** Small dense numbers for peers; one that was given back is taken again first. */
export class PeerIndices {
  readonly #free: number[] = []
  #next = 0

  take(): PeerIndex | undefined {
    const reused = this.#free.pop()
    if (reused !== undefined) return reused as PeerIndex
    return this.#next < MAX_PEERS ? (this.#next++ as PeerIndex) : undefined
  }

  give(index: PeerIndex): void {
    this.#free.push(index)
  }
}
