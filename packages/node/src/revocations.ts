import { fromBase64, toBase64, type WallTime, wallTime } from '@weft/base'
import { type ChainKeys, chainKeys, IdentityError, type Revocation, RevocationList } from '@weft/identity'
import type { CryptoProvider } from '@weft/keys'
import type { Log } from './node-interface.ts'
import type { StoredMembership } from './stored-membership.ts'

export interface RevocationsHost {
  readonly crypto: CryptoProvider
  save(revocations: readonly Uint8Array[]): void
  countDrop(reason: 'revocation-refused'): void
  readonly log: Log
}

/**
 * What a node knows to be revoked in one mesh. It is what it was told and could verify; whoever told it may be anybody.
 * It outlives netmaps: what is known is known until the certificates end, whatever the coordinator says later.
 */
export class Revocations {
  readonly #host: RevocationsHost
  readonly #list: RevocationList
  readonly #own: ChainKeys
  /** Texts that were taken, so that the same netmap costs nothing when it comes again. */
  readonly #taken = new Set<string>()
  #hasComplained = false
  #lacksRoom = false

  constructor(stored: StoredMembership, host: RevocationsHost, at: WallTime) {
    this.#host = host
    this.#list = new RevocationList(stored.mesh, host.crypto)
    this.#own = chainKeys(stored.chain)
    for (const bytes of stored.revocations ?? [])
      if (this.#add(bytes, at) !== undefined) this.#taken.add(toBase64(bytes))
  }

  /** Whether there is something new. What does not hold changes nothing. */
  take(texts: readonly string[], at: WallTime): boolean {
    let hasNew = false
    for (const text of texts) {
      if (this.#taken.has(text)) continue
      const bytes = fromBase64(text)
      const added = bytes === undefined ? undefined : this.#add(bytes, at)
      if (added !== undefined && added !== 'full') this.#taken.add(text)
      if (added === 'new') hasNew = true
    }
    if (hasNew) this.#host.save(this.#list.all().map(({ bytes }) => bytes))
    return hasNew
  }

  /** Tries again what there was no room for, once some of those that are kept have ended. Whether there is something new. */
  retry(texts: readonly string[], at: WallTime): boolean {
    if (!this.#lacksRoom) return false
    this.#list.prune(at)
    if (this.#list.isFull) return false
    this.#lacksRoom = false
    return this.take(texts, at)
  }

  of(keys: ChainKeys): Revocation | undefined {
    return this.#list.of(keys)
  }

  /** Whether this device itself is one of the mesh no more. */
  get isOwn(): boolean {
    return this.#list.of(this.#own) !== undefined
  }

  #add(bytes: Uint8Array, at: WallTime): ReturnType<RevocationList['add']> | undefined {
    try {
      const added = this.#list.add(bytes, at)
      if (added === 'full') {
        this.#lacksRoom = true
        this.#complain('no room')
      }
      return added
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error
      this.#complain(error.code)
      return undefined
    }
  }

  /** Counted each time, said once. */
  #complain(reason: string): void {
    this.#host.countDrop('revocation-refused')
    if (this.#hasComplained) return
    this.#hasComplained = true
    this.#host.log('warn', 'revocation refused', { reason })
  }
}

/** Whether what is stored says that this device was removed from the mesh. */
export function isRemoved({ mesh, chain, revocations = [] }: StoredMembership, crypto: CryptoProvider): boolean {
  const list = new RevocationList(mesh, crypto)
  for (const bytes of revocations) {
    try {
      // An end that has passed brings nobody back.
      list.add(bytes, wallTime(0))
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error
    }
  }
  return list.of(chainKeys(chain)) !== undefined
}
