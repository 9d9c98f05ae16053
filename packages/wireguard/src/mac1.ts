import { concatBytes, equalBytes, utf8 } from '@weft/base'
import { type CryptoProvider, type PublicKey, publicKeyBytes } from '@weft/keys'
import { INITIATION_LENGTH, RESPONSE_LENGTH } from './constants.ts'

/** The two MACs at the end of an initiation or response: mac1, then mac2. */
export const MAC_LENGTH = 16
const LABEL_MAC1 = utf8('mac1----')

/** The key under which messages to the owner of that public key carry their mac1. WireGuard paper §5.4.4. */
export function mac1KeyOf(publicKey: PublicKey<'node'>, crypto: CryptoProvider): Uint8Array {
  return crypto.blake2s(concatBytes(LABEL_MAC1, publicKeyBytes(publicKey)))
}

/** Whether the sender of an initiation or response knows the public key that `mac1Key` was made of. */
export function holdsMac1(message: Uint8Array, mac1Key: Uint8Array, crypto: CryptoProvider): boolean {
  if (message.length !== INITIATION_LENGTH && message.length !== RESPONSE_LENGTH) return false
  const at = message.length - 2 * MAC_LENGTH
  return equalBytes(crypto.blake2sMac(mac1Key, message.subarray(0, at)), message.subarray(at, at + MAC_LENGTH))
}

/** Writes mac1 into an initiation or response that is complete but for it. */
export function writeMac1(message: Uint8Array, mac1Key: Uint8Array, crypto: CryptoProvider): void {
  const at = message.length - 2 * MAC_LENGTH
  message.set(crypto.blake2sMac(mac1Key, message.subarray(0, at)), at)
}
