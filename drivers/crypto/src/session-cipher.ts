import type { Arena } from '@weft/native'
import { ComposedSessionCipher, canCompose } from './composed-session-cipher.ts'
import { EvpSessionCipher } from './evp-session-cipher.ts'

/** Bytes that must be there behind the tag of whatever is sealed or opened; they stay as they are. */
export const SESSION_CIPHER_SLACK = 16

/**
 * ChaCha20-Poly1305 (RFC 8439 §2.8) with a WireGuard session's key, counters as nonces (4 zero bytes ‖ counter, little-endian) and no
 * associated data, in place over one arena, for the fast path: no allocation per call. One direction each; a call for the other throws.
 */
export interface SessionCipher {
  /** Makes `length` bytes at `offset` ciphertext, and writes the 16-byte tag behind them. The counter is two unsigned halves. */
  seal(counterLow: number, counterHigh: number, offset: number, length: number): void
  /** `length` is the ciphertext's, the tag lies right behind it. False: the tag does not hold, and what lies at `offset` must not be used. */
  open(counterLow: number, counterHigh: number, offset: number, length: number): boolean
  /** Wipes the key and ends the cipher: any later call throws. Harmless when called again. */
  free(): void
}

export type SessionCipherFactory = (key: Uint8Array, direction: 'seal' | 'open') => SessionCipher

/** The faster kind that this Node.js has. Keys have 32 bytes; the caller may wipe its own copy after construction. */
export function sessionCiphers(arena: Arena): SessionCipherFactory {
  return canCompose() ? composedSessionCiphers(arena) : evpSessionCiphers(arena)
}

export function composedSessionCiphers(arena: Arena): SessionCipherFactory {
  return (key, direction) => new ComposedSessionCipher(arena, key, direction)
}

export function evpSessionCiphers(arena: Arena): SessionCipherFactory {
  return (key, direction) => new EvpSessionCipher(arena, key, direction)
}
