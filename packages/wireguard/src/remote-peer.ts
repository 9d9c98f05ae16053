import { invariant } from '@weft/base'
import { type CryptoProvider, PUBLIC_KEY_LENGTH, type PublicKey, publicKeyBytes } from '@weft/keys'
import type { LocalKeys, RemoteKeys } from './handshake.ts'
import { mac1KeyOf } from './mac1.ts'

const PRESHARED_KEY_LENGTH = 32

/** The keys of a peer. A static secret is made when it is first needed: 10,000 peers are added without 10,000 agreements. */
export class RemotePeer {
  readonly publicKey: Uint8Array
  readonly #mac1Key: Uint8Array
  readonly #crypto: CryptoProvider
  readonly #presharedKey = new Uint8Array(PRESHARED_KEY_LENGTH)
  readonly #secrets = new Map<LocalKeys, { readonly secret: Uint8Array | undefined }>()

  constructor(crypto: CryptoProvider, publicKey: PublicKey<'node'>) {
    this.#crypto = crypto
    this.publicKey = publicKeyBytes(publicKey)
    invariant(this.publicKey.length === PUBLIC_KEY_LENGTH, 'a public key of 32 bytes')
    this.#mac1Key = mac1KeyOf(publicKey, crypto)
  }

  /** As it is towards these own keys. */
  towards(local: LocalKeys): RemoteKeys {
    return {
      publicKey: this.publicKey,
      mac1Key: this.#mac1Key,
      presharedKey: this.#presharedKey,
      staticSecret: this.#secretWith(local),
    }
  }

  /** 32 bytes; absent: none. */
  setPresharedKey(presharedKey: Uint8Array | undefined): void {
    invariant(presharedKey === undefined || presharedKey.length === PRESHARED_KEY_LENGTH, 'a preshared key of 32 bytes')
    this.#presharedKey.fill(0)
    if (presharedKey !== undefined) this.#presharedKey.set(presharedKey)
  }

  /** There is no other own key than these any more. */
  keepSecretsWith(locals: readonly LocalKeys[]): void {
    for (const [local, { secret }] of this.#secrets) {
      if (locals.includes(local)) continue
      secret?.fill(0)
      this.#secrets.delete(local)
    }
  }

  /** The same peer with another key, and the same preshared key. */
  rekeyed(publicKey: PublicKey<'node'>): RemotePeer {
    const next = new RemotePeer(this.#crypto, publicKey)
    next.setPresharedKey(this.#presharedKey)
    this.wipe()
    return next
  }

  wipe(): void {
    this.keepSecretsWith([])
    this.#presharedKey.fill(0)
  }

  #secretWith(local: LocalKeys): Uint8Array | undefined {
    const known = this.#secrets.get(local) ?? { secret: this.#crypto.x25519(local.privateKey, this.publicKey) }
    this.#secrets.set(local, known)
    return known.secret
  }
}
