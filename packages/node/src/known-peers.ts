import { toHex } from '@weft/base'
import type { NodeRecord } from '@weft/identity'
import type { CryptoProvider, NodeId } from '@weft/keys'

/** The newest record that was seen of an identity; kept after the peer has left the netmap. */
export interface KnownPeer {
  readonly id: NodeId
  readonly sequence: number
  /** SHA-256 of the record, in hexadecimal. */
  readonly digest: string
}

/** More than a mesh has members at a time; the one that was longest without news is forgotten first. */
export const MAX_KNOWN_PEERS = 65_536

/**
 * A record is superseded by a higher sequence number only (docs/protocols/records.md), so that an old one, with a key
 * that has leaked since, cannot be brought back.
 */
export class KnownPeers {
  readonly #known = new Map<NodeId, KnownPeer>()
  readonly #crypto: CryptoProvider

  constructor(known: readonly KnownPeer[], crypto: CryptoProvider) {
    this.#crypto = crypto
    for (const each of known) this.#put(each)
  }

  /** Why the record cannot stand in for the one that is known, or `undefined`. */
  objection(record: NodeRecord): 'record-superseded' | 'record-forked' | undefined {
    const known = this.#known.get(record.nodeId)
    if (known === undefined || record.sequence > known.sequence) return undefined
    if (record.sequence < known.sequence) return 'record-superseded'
    return known.digest === this.#digest(record) ? undefined : 'record-forked'
  }

  remember(record: NodeRecord): void {
    this.#put({ id: record.nodeId, sequence: record.sequence, digest: this.#digest(record) })
  }

  all(): readonly KnownPeer[] {
    return [...this.#known.values()]
  }

  #put(peer: KnownPeer): void {
    this.#known.delete(peer.id)
    this.#known.set(peer.id, peer)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN_PEERS && oldest !== undefined) this.#known.delete(oldest)
  }

  #digest(record: NodeRecord): string {
    return toHex(this.#crypto.sha256(record.bytes))
  }
}
