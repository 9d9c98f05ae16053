import { toHex } from '@weft/base'
import type { CryptoProvider } from './crypto-provider.ts'

/** Enough for the accounts and links of a mesh to stay, while records and devices pass through. */
const REMEMBERED = 512

/**
 * The provider, with a memory for signatures that held: all devices of a join link show the same certificates of account
 * and link. What is remembered is exactly key, message and signature; a wrong signature is looked at each time.
 */
export function rememberingSignatures(crypto: CryptoProvider): CryptoProvider {
  const held = new Set<string>()
  return Object.assign(Object.create(crypto), {
    ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
      const key = `${toHex(publicKey)} ${toHex(signature)} ${toHex(crypto.sha256(message))}`
      const isKnown = held.delete(key)
      if (!isKnown && !crypto.ed25519Verify(publicKey, message, signature)) return false
      held.add(key)
      const [oldest] = held
      if (held.size > REMEMBERED && oldest !== undefined) held.delete(oldest)
      return true
    },
  } satisfies Partial<CryptoProvider>)
}
