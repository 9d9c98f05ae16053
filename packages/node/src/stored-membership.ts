import { invariant, type WallTime } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import { decodeChain, readCertificate } from '@weft/identity'
import { type CryptoProvider, type MeshId, meshIdOf, type PublicKey } from '@weft/keys'
import type { KnownPeer } from './known-peers.ts'
import type { OwnKeys } from './own-keys.ts'
import type { StoredPins } from './pins.ts'

/** What a node keeps of one mesh between two runs. */
export interface StoredMembership extends OwnKeys {
  readonly mesh: MeshId
  /** The node's own record and chain, as its peers see them. */
  readonly record: Uint8Array
  readonly chain: Uint8Array
  /** The last that held; absent before the first. */
  readonly netmap?: Netmap
  readonly known: readonly KnownPeer[]
  readonly pins: StoredPins
  /** As told by `save-revocations`; absent before the first. */
  readonly revocations?: readonly Uint8Array[]
  /** As told by `save-timestamp`; absent before the first handshake. */
  readonly latestTimestamp?: WallTime
}

/** @throws IdentityError where the stored chain is none; an invariant's where it is of another mesh. */
export function rootKeyOf(stored: StoredMembership, crypto: CryptoProvider): PublicKey<'root'> {
  const [account] = decodeChain(stored.chain)
  invariant(account !== undefined, 'a chain has an account certificate')
  const certificate = readCertificate(account, crypto)
  invariant(certificate.kind === 'account', 'a chain begins with an account certificate')
  const rootKey = certificate.issuer
  invariant(meshIdOf(rootKey, crypto) === stored.mesh, 'the own chain begins at the mesh root')
  return rootKey
}
