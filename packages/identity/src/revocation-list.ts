import type { WallTime } from '@weft/base'
import type { CryptoProvider, MeshId, PublicKey } from '@weft/keys'
import type { ChainKeys } from './certificate-chain.ts'
import { type RevocableKey, type Revocation, readRevocation } from './revocation.ts'
import { validityAt } from './validity.ts'

/** Of one mesh at a time. More than that are not made, and not taken. */
export const MAX_REVOCATIONS = 16_384

/** `new`: it was not known. `known`: what it says was. `expired`: nobody needs it any more. `full`: there is no room. */
export type Added = 'new' | 'known' | 'expired' | 'full'

/**
 * All that was revoked in a mesh. A revocation counts for the chains that its issuer stands above: the root's for all, an
 * account's for the links and devices under it. One of the same key by the same issuer is kept: that which lasts longest.
 */
export class RevocationList {
  readonly #mesh: MeshId
  readonly #crypto: CryptoProvider
  readonly #revocations = new Map<string, Revocation>()

  constructor(mesh: MeshId, crypto: CryptoProvider) {
    this.#mesh = mesh
    this.#crypto = crypto
  }

  /** Throws `IdentityError` as `readRevocation` does; then nothing is changed. */
  add(bytes: Uint8Array, at: WallTime): Added {
    const revocation = readRevocation(bytes, this.#mesh, this.#crypto)
    if (isExpired(revocation, at)) return 'expired'
    const place = placeOf(revocation.issuer, revocation.revoked)
    const known = this.#revocations.get(place)
    if (known !== undefined && known.keptUntil >= revocation.keptUntil) return 'known'
    if (known === undefined && this.isFull) this.prune(at)
    if (known === undefined && this.isFull) return 'full'
    this.#revocations.set(place, revocation)
    return 'new'
  }

  /** The revocation because of which nobody accepts the chain of these keys any more, or `undefined`. */
  of({ rootKey, accountKey, linkKey, identityKey }: ChainKeys): Revocation | undefined {
    const byRoot = [accountKey, linkKey, identityKey].map((key) => placeOf(rootKey, key))
    const byAccount = [linkKey, identityKey].map((key) => placeOf(accountKey, key))
    for (const place of [...byRoot, ...byAccount]) {
      const revocation = this.#revocations.get(place)
      if (revocation !== undefined) return revocation
    }
    return undefined
  }

  get isFull(): boolean {
    return this.#revocations.size >= MAX_REVOCATIONS
  }

  all(): readonly Revocation[] {
    return [...this.#revocations.values()]
  }

  /** Forgets those whose certificates have ended. */
  prune(at: WallTime): void {
    for (const [place, revocation] of this.#revocations) if (isExpired(revocation, at)) this.#revocations.delete(place)
  }
}

const placeOf = (issuer: PublicKey<'root'> | PublicKey<'account'>, revoked: RevocableKey): string =>
  `${issuer} ${revoked}`

const isExpired = ({ keptUntil }: Revocation, at: WallTime): boolean =>
  validityAt({ notBefore: 0, notAfter: keptUntil }, at) === 'expired'
