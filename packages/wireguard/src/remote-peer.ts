import { invariant } from '@weft/base'
import { type CryptoProvider, PUBLIC_KEY_LENGTH, type PublicKey, publicKeyBytes } from '@weft/keys'
import type { RemoteKeys } from './handshake.ts'
import { mac1KeyOf } from './mac1.ts'

const PRESHARED_KEY_LENGTH = 32

/** The keys of a peer. The static secret is made when it is first needed: 10,000 peers are added without 10,000 agreements. */
export class RemotePeer implements RemoteKeys {
  readonly publicKey: Uint8Array
  readonly mac1Key: Uint8Array
  readonly #crypto: CryptoProvider
  #presharedKey = new Uint8Array(PRESHARED_KEY_LENGTH)
  #privateKey: Uint8Array | undefined
  #staticSecret: { readonly secret: Uint8Array | undefined } | undefined

  constructor(crypto: CryptoProvider, publicKey: PublicKey<'node'>) {
    this.#crypto = crypto
    this.publicKey = publicKeyBytes(publicKey)
    invariant(this.publicKey.length === PUBLIC_KEY_LENGTH, 'a public key of 32 bytes')
    this.mac1Key = mac1KeyOf(publicKey, crypto)
  }

  get presharedKey(): Uint8Array {
    return this.#presharedKey
  }

  get staticSecret(): Uint8Array | undefined {
    if (this.#privateKey === undefined) return undefined
    this.#staticSecret ??= { secret: this.#crypto.x25519(this.#privateKey, this.publicKey) }
    return this.#staticSecret.secret
  }

  /** 32 bytes; absent: none. */
  setPresharedKey(presharedKey: Uint8Array | undefined): void {
    invariant(presharedKey === undefined || presharedKey.length === PRESHARED_KEY_LENGTH, 'a preshared key of 32 bytes')
    this.#presharedKey.fill(0)
    if (presharedKey !== undefined) this.#presharedKey.set(presharedKey)
  }

  setPrivateKey(privateKey: Uint8Array | undefined): void {
    this.#staticSecret?.secret?.fill(0)
    this.#staticSecret = undefined
    this.#privateKey = privateKey
  }

  wipe(): void {
    this.setPrivateKey(undefined)
    this.#presharedKey.fill(0)
  }
}
