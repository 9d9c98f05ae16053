import { toHex } from '@weft/base'
import type { NodeRecord } from '@weft/identity'
import type { CryptoProvider, NodeId } from '@weft/keys'

/** The newest record that was seen of an identity, and its last name; kept after the peer has left the netmap. */
export interface KnownPeer {
  readonly id: NodeId
  readonly name: string
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
  readonly #byName = new Map<string, NodeId>()
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
    const name = this.#known.get(record.nodeId)?.name ?? ''
    this.#put({ id: record.nodeId, name, sequence: record.sequence, digest: this.#digest(record) })
  }

  /** The other identity that was last known by this name, if there is one. */
  rename(id: NodeId, name: string): NodeId | undefined {
    const before = this.#byName.get(name)
    const known = this.#known.get(id)
    if (known !== undefined && known.name !== name) this.#put({ ...known, name })
    return before === id ? undefined : before
  }

  all(): readonly KnownPeer[] {
    return [...this.#known.values()]
  }

  #put(peer: KnownPeer): void {
    this.#drop(peer.id)
    this.#known.set(peer.id, peer)
    if (peer.name !== '') this.#byName.set(peer.name, peer.id)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN_PEERS && oldest !== undefined) this.#drop(oldest)
  }

  #drop(id: NodeId): void {
    const known = this.#known.get(id)
    if (known === undefined) return
    this.#known.delete(id)
    if (this.#byName.get(known.name) === id) this.#byName.delete(known.name)
  }

  #digest(record: NodeRecord): string {
    return toHex(this.#crypto.sha256(record.bytes))
  }
}
