import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { invariant } from '@weft/base'
import type { CryptoProvider } from './crypto-provider.ts'

export const seal: CryptoProvider['seal'] = (key, nonce, plaintext, associatedData) =>
  chacha20poly1305(key, nonce, associatedData).encrypt(plaintext)

export const open: CryptoProvider['open'] = (key, nonce, ciphertext, associatedData) => {
  invariant(key.length === 32 && nonce.length === 12, 'a key of 32 and a nonce of 12 bytes')
  return opened(chacha20poly1305(key, nonce, associatedData), ciphertext)
}

export const xseal: CryptoProvider['xseal'] = (key, nonce, plaintext, associatedData) =>
  xchacha20poly1305(key, nonce, associatedData).encrypt(plaintext)

export const xopen: CryptoProvider['xopen'] = (key, nonce, ciphertext, associatedData) => {
  invariant(key.length === 32 && nonce.length === 24, 'a key of 32 and a nonce of 24 bytes')
  return opened(xchacha20poly1305(key, nonce, associatedData), ciphertext)
}

function opened(
  cipher: { decrypt(ciphertext: Uint8Array): Uint8Array },
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < 16) return undefined
  try {
    return cipher.decrypt(ciphertext)
  } catch {
    return undefined
  }
}
