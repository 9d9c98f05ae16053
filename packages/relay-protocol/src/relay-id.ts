import { toHex } from '@weft/base'
import { type CryptoProvider, KEY_ID_LENGTH, type NodeId, type PublicKey, publicKeyBytes } from '@weft/keys'

/** The relay beside a coordinator is called by the coordinator's key, so that it keeps its name. */
export function relayIdOf(key: PublicKey<'coordinator'>, crypto: CryptoProvider): NodeId {
  return toHex(crypto.sha256(publicKeyBytes(key)).subarray(0, KEY_ID_LENGTH)) as NodeId
}
