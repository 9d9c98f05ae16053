import { type DeviceText, refersTo } from '@weft/dns'
import type { NodeId } from '@weft/keys'
import type { ProvenPeer } from './node-interface.ts'
import { type Peer, provenPeer } from './peer.ts'

/** Those that were longest gone are forgotten first. */
const MAX_DEPARTED = 1024

/** Peers that the coordinator names no more, though nobody revoked them: whoever holds the root key still can. */
export class DepartedPeers {
  readonly #peers = new Map<NodeId, Pick<Peer, 'addresses'> & ProvenPeer>()

  note(peer: Peer): void {
    const { addresses } = peer
    const proven = provenPeer(peer)
    this.forget(proven.id)
    this.#peers.set(proven.id, { ...proven, addresses })
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_DEPARTED && oldest !== undefined) this.#peers.delete(oldest)
  }

  forget(id: NodeId): void {
    this.#peers.delete(id)
  }

  /** The one that left last, where several are meant. */
  find(meant: DeviceText): ProvenPeer | undefined {
    const found = [...this.#peers.values()].findLast((each) => refersTo(meant, each))
    return found && { id: found.id, name: found.name, chain: found.chain }
  }
}
