import type { Random } from '@weft/base'
import type { CryptoProvider, NodeId, PrivateKey, PublicKey } from '@weft/keys'
import { ProbeSeal } from './probe-seal.ts'

/** What a message was opened with. */
export interface OpenedProbe {
  readonly body: Uint8Array
  /** The own key that its sender knows this node by. */
  readonly by: PrivateKey<'probe'>
}

/**
 * Seals to one peer and opens what it sealed, also while one of the two takes another probe key: it is sealed with the
 * key that the peer was last heard to know this node by, and opened with any of the own ones.
 */
export class PeerSeals {
  readonly #options: {
    readonly own: NodeId
    readonly peer: NodeId
    readonly crypto: CryptoProvider
    readonly random: Random
  }
  #ownKeys: readonly PrivateKey<'probe'>[]
  #peerKey: PublicKey<'probe'>
  #known: PrivateKey<'probe'> | undefined
  /** By the own key; nothing where the peer's is none that a secret can be made with. */
  readonly #seals = new Map<PrivateKey<'probe'>, ProbeSeal | undefined>()

  constructor(options: {
    readonly own: NodeId
    readonly ownKeys: readonly PrivateKey<'probe'>[]
    readonly peer: NodeId
    readonly peerKey: PublicKey<'probe'>
    readonly crypto: CryptoProvider
    readonly random: Random
  }) {
    this.#options = options
    this.#ownKeys = options.ownKeys
    this.#peerKey = options.peerKey
  }

  setOwnKeys(keys: readonly PrivateKey<'probe'>[]): void {
    this.#ownKeys = keys
    this.#known = undefined
    for (const key of this.#seals.keys()) if (!keys.includes(key)) this.#seals.delete(key)
  }

  setPeerKey(key: PublicKey<'probe'>): void {
    if (key === this.#peerKey) return
    this.#peerKey = key
    this.#seals.clear()
  }

  /** The peer was heard, just now, to know this node by that key. */
  onHeard(by: PrivateKey<'probe'>): void {
    this.#known = by
  }

  seal(message: Uint8Array): Uint8Array | undefined {
    const key = this.#known ?? this.#ownKeys[0]
    return key && this.#with(key)?.seal(message)
  }

  open(datagram: Uint8Array): OpenedProbe | undefined {
    for (const by of this.#ownKeys) {
      const body = this.#with(by)?.open(datagram)
      if (body !== undefined) return { body, by }
    }
    return undefined
  }

  #with(probeKey: PrivateKey<'probe'>): ProbeSeal | undefined {
    if (!this.#seals.has(probeKey))
      this.#seals.set(probeKey, ProbeSeal.create({ ...this.#options, probeKey, peerKey: this.#peerKey }))
    return this.#seals.get(probeKey)
  }
}
