/**
 * One type for each key role, ids made of keys, and the crypto provider that all protocols are written on. Its portable
 * implementation is `@weft/keys/portable`: apart, so that who uses OpenSSL does not load it.
 */
export type { CryptoProvider } from './crypto-provider.ts'
export {
  type AccountId,
  type AgreementRole,
  accountIdOf,
  KEM_PUBLIC_KEY_LENGTH,
  KEM_SEED_LENGTH,
  KEY_ID_LENGTH,
  type KeyRole,
  type MeshId,
  meshIdOf,
  type NodeId,
  nodeIdOf,
  PRIVATE_KEY_LENGTH,
  PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  parsePublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
  SIGNATURE_LENGTH,
  type SigningRole,
  sign,
  verify,
} from './keys.ts'
export { rememberingSignatures } from './remembered-signatures.ts'
