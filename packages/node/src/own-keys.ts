import type { WallTime } from '@weft/base'
import type { NodeKeys } from '@weft/identity'
import type { CryptoProvider, PrivateKey, PublicKey } from '@weft/keys'

/** What peers know a node by. */
export type PeerFacingKeys = Pick<NodeKeys, 'node' | 'probe'>

/**
 * A node's keys, and while they are being replaced the ones before or after them: peers hear of it one after the other,
 * and each is spoken to by what it knows.
 *
 * made: `next` are on disk, and may be heard of at any moment · told: the coordinator has them, they are `keys`, and those
 * before are `former` until their time is over.
 */
export interface OwnKeys {
  readonly keys: NodeKeys
  readonly next?: PeerFacingKeys
  readonly former?: FormerKeys
}

export interface FormerKeys extends PeerFacingKeys {
  readonly until: WallTime
}

/** By which a peer is spoken to that has not shown which it knows: the likeliest first. */
function spokenKeys({ keys, next, former }: OwnKeys): readonly PeerFacingKeys[] {
  return [keys, next, former].filter((each) => each !== undefined)
}

export const nodeKeysOf = (own: OwnKeys): readonly PrivateKey<'node'>[] => spokenKeys(own).map(({ node }) => node)
export const probeKeysOf = (own: OwnKeys): readonly PrivateKey<'probe'>[] => spokenKeys(own).map(({ probe }) => probe)

export const publicNodeKeysOf = (own: OwnKeys, crypto: CryptoProvider): readonly PublicKey<'node'>[] =>
  nodeKeysOf(own).map((key) => key.publicKey(crypto))
