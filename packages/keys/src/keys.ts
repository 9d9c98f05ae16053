import { type Brand, equalBytes, fromBase64, invariant, type Random, randomBytes, toBase64, toHex } from '@weft/base'
import type { CryptoProvider } from './crypto-provider.ts'

/**
 * What a key is for. Ed25519: `identity` (a node's, for life), `root` (the mesh's), `account`, `link` (a join link's,
 * used once), `coordinator` (for life). X25519: `node` (WireGuard's), `channel` (to coordinator and relay), `probe`.
 * ML-KEM-768: `kem`.
 */
export type SigningRole = 'identity' | 'root' | 'account' | 'link' | 'coordinator'
export type AgreementRole = 'node' | 'channel' | 'probe'
export type KeyRole = SigningRole | AgreementRole | 'kem'

/** Canonical base64 of a public key, as `wg` prints them: 32 bytes, a `kem` key 1,184. Equal keys are equal texts. */
export type PublicKey<Role extends KeyRole> = Brand<string, `PublicKey:${Role}`>

/** Half a key's SHA-256 in hexadecimal, 32 digits: how nodes, meshes and accounts are called by machines. */
export type NodeId = Brand<string, 'NodeId'>
export type MeshId = Brand<string, 'MeshId'>
export type AccountId = Brand<string, 'AccountId'>

export const PUBLIC_KEY_LENGTH = 32
export const PRIVATE_KEY_LENGTH = 32
export const KEM_PUBLIC_KEY_LENGTH = 1184
export const KEM_SEED_LENGTH = 64
export const SIGNATURE_LENGTH = 64
/** The bytes of a key's SHA-256 that make an id. */
export const KEY_ID_LENGTH = 16

const REDACTED = '[private key]'

/** A private key or seed. It prints as redacted everywhere; `expose` is the one way to its bytes. */
export class PrivateKey<Role extends KeyRole> {
  readonly role: Role
  readonly #bytes: Uint8Array

  constructor(role: Role, bytes: Uint8Array) {
    invariant(bytes.length === privateLength(role), `a private ${role} key of ${privateLength(role)} bytes`)
    this.role = role
    this.#bytes = bytes.slice()
  }

  static generate<Role extends KeyRole>(role: Role, random: Random): PrivateKey<Role> {
    return new PrivateKey(role, randomBytes(random, privateLength(role)))
  }

  expose(): Uint8Array {
    return this.#bytes
  }

  equals(other: PrivateKey<Role>): boolean {
    return equalBytes(this.#bytes, other.#bytes)
  }

  publicKey(crypto: CryptoProvider): PublicKey<Role> {
    return publicKeyFromBytes(this.role, derivePublicKey(this.role, this.#bytes, crypto))
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED
  }
}

export function publicKeyFromBytes<Role extends KeyRole>(role: Role, bytes: Uint8Array): PublicKey<Role> {
  invariant(bytes.length === publicLength(role), `a public ${role} key of ${publicLength(role)} bytes`)
  return toBase64(bytes) as PublicKey<Role>
}

/** The key, or `undefined` where the text is not the canonical base64 of one. */
export function parsePublicKey<Role extends KeyRole>(role: Role, text: string): PublicKey<Role> | undefined {
  const bytes = fromBase64(text)
  return bytes?.length === publicLength(role) ? (text as PublicKey<Role>) : undefined
}

export function publicKeyBytes(key: PublicKey<KeyRole>): Uint8Array {
  const bytes = fromBase64(key)
  invariant(bytes !== undefined, 'a public key is base64')
  return bytes
}

export const nodeIdOf = (key: PublicKey<'identity'>, crypto: CryptoProvider): NodeId => keyId(key, crypto) as NodeId
export const meshIdOf = (key: PublicKey<'root'>, crypto: CryptoProvider): MeshId => keyId(key, crypto) as MeshId
export const accountIdOf = (key: PublicKey<'account'>, crypto: CryptoProvider): AccountId =>
  keyId(key, crypto) as AccountId

export function sign(key: PrivateKey<SigningRole>, message: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.ed25519Sign(key.expose(), message)
}

export function verify(
  key: PublicKey<SigningRole>,
  message: Uint8Array,
  signature: Uint8Array,
  crypto: CryptoProvider,
): boolean {
  return crypto.ed25519Verify(publicKeyBytes(key), message, signature)
}

function keyId(key: PublicKey<KeyRole>, crypto: CryptoProvider): string {
  return toHex(crypto.sha256(publicKeyBytes(key)).subarray(0, KEY_ID_LENGTH))
}

function derivePublicKey(role: KeyRole, bytes: Uint8Array, crypto: CryptoProvider): Uint8Array {
  switch (role) {
    case 'node':
    case 'channel':
    case 'probe':
      return crypto.x25519PublicKey(bytes)
    case 'kem':
      return crypto.mlKem768PublicKey(bytes)
    default:
      return crypto.ed25519PublicKey(bytes)
  }
}

const privateLength = (role: KeyRole): number => (role === 'kem' ? KEM_SEED_LENGTH : PRIVATE_KEY_LENGTH)
const publicLength = (role: KeyRole): number => (role === 'kem' ? KEM_PUBLIC_KEY_LENGTH : PUBLIC_KEY_LENGTH)
