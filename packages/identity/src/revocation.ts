import { concatBytes, invariant, viewOf } from '@weft/base'
import {
  type CryptoProvider,
  type MeshId,
  meshIdOf,
  type PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
  SIGNATURE_LENGTH,
} from '@weft/keys'
import { type CertificateOf, MAX_CERTIFICATE_LENGTH, parseCertificate, requireSignature } from './certificate.ts'
import { chainEnd, chainKeys } from './certificate-chain.ts'
import { IdentityError } from './identity-error.ts'
import { appendSignature, decodeInteger, encodeInteger, holdsSignature } from './signed-bytes.ts'

/**
 * That a key is no more to be trusted, though certificates for it hold. docs/protocols/certificates.md
 *
 *     0   format: 1                 65  signed at             81  length of the account's certificate; 0: the root signs
 *     1   issuer's key              73  kept until            83  account's certificate
 *     33  revoked key                                         end signature, 64 bytes
 *
 * Trailing bytes are refused. Whoever passes it on passes `bytes`.
 */
const FORMAT = 1
const CONTEXT = 'weft revocation 1'
const ISSUER_AT = 1
const REVOKED_AT = ISSUER_AT + PUBLIC_KEY_LENGTH
const SIGNED_AT = REVOKED_AT + PUBLIC_KEY_LENGTH
const KEPT_UNTIL_AT = SIGNED_AT + 8
const CERTIFICATE_LENGTH_AT = KEPT_UNTIL_AT + 8
const CERTIFICATE_AT = CERTIFICATE_LENGTH_AT + 2
export const MAX_REVOCATION_LENGTH = CERTIFICATE_AT + MAX_CERTIFICATE_LENGTH + SIGNATURE_LENGTH
/** In base64. */
export const MAX_REVOCATION_TEXT = 4 * Math.ceil(MAX_REVOCATION_LENGTH / 3)

/** A key of a chain that can be revoked: an account's, a join link's, a device's. */
export type RevocableKey = PublicKey<'account'> | PublicKey<'link'> | PublicKey<'identity'>

/** Times are seconds since 1970. */
export interface RevocationFields {
  readonly revoked: RevocableKey
  readonly signedAt: number
  /** The end of the revoked key's certificate: afterwards nobody needs to remember. */
  readonly keptUntil: number
}

export interface Revocation extends RevocationFields {
  readonly issuer: PublicKey<'root'> | PublicKey<'account'>
  readonly bytes: Uint8Array
}

/** Whoever may revoke: the mesh's root everything, an account what is under it, which its certificate shows. */
export type Revoker =
  | { readonly key: PrivateKey<'root'> }
  | { readonly key: PrivateKey<'account'>; readonly certificate: Uint8Array }

/** The fields must be as the format wants them. Anything else is our own fault and throws. */
export function createRevocation(fields: RevocationFields, revoker: Revoker, crypto: CryptoProvider): Uint8Array {
  const certificate = 'certificate' in revoker ? revoker.certificate : new Uint8Array()
  invariant(fields.signedAt <= fields.keptUntil, 'a revocation is kept for a while')
  invariant(certificate.length <= MAX_CERTIFICATE_LENGTH, 'a certificate is bounded')
  const content = concatBytes(
    Uint8Array.of(FORMAT),
    publicKeyBytes(revoker.key.publicKey(crypto)),
    publicKeyBytes(fields.revoked),
    encodeInteger(fields.signedAt),
    encodeInteger(fields.keptUntil),
    Uint8Array.of(certificate.length >> 8, certificate.length & 0xff),
    certificate,
  )
  return appendSignature(CONTEXT, content, revoker.key, crypto)
}

/**
 * By the mesh's root, for as long as the device's chain would hold otherwise.
 * @param at Seconds since 1970. @throws {IdentityError} where it is no chain.
 */
export function revokeDevice(
  chain: Uint8Array,
  root: PrivateKey<'root'>,
  { crypto, at }: { readonly crypto: CryptoProvider; readonly at: number },
): Uint8Array {
  const { identityKey: revoked } = chainKeys(chain)
  const keptUntil = Math.max(at, chainEnd(chain))
  return createRevocation({ revoked, signedAt: at, keptUntil }, { key: root }, crypto)
}

/**
 * Verifies that the root of the mesh, or an account that it certified, signed the revocation. It needs no clock: an
 * account whose time is over has no chains that hold.
 *
 * Throws `IdentityError`: `revocation-…`, `certificate-malformed` or `certificate-forged`.
 */
export function readRevocation(bytes: Uint8Array, mesh: MeshId, crypto: CryptoProvider): Revocation {
  const { issuerBytes, certificate, ...fields } = parse(bytes)
  const issuer = publicKeyFromBytes(certificate === undefined ? 'root' : 'account', issuerBytes)
  const root = certificate === undefined ? (issuer as PublicKey<'root'>) : certificate.issuer
  if (meshIdOf(root, crypto) !== mesh)
    throw new IdentityError('revocation-foreign', `the revocation is of another mesh, not of ${mesh}`)
  if (certificate !== undefined) {
    if (certificate.subject !== issuer) throw malformed('the certificate in it is of another account than its issuer')
    if (fields.keptUntil > certificate.notAfter) throw malformed('it is to be kept longer than its account holds')
    requireSignature(certificate, crypto)
  }
  if (!holdsSignature(CONTEXT, bytes, issuer, crypto))
    throw new IdentityError('revocation-forged', 'the revocation is not signed by the key that it names')
  return { issuer, ...fields, bytes: bytes.slice() }
}

function parse(bytes: Uint8Array): RevocationFields & {
  readonly issuerBytes: Uint8Array
  readonly certificate: CertificateOf<'account'> | undefined
} {
  if (bytes.length < CERTIFICATE_AT + SIGNATURE_LENGTH) throw malformed('it is cut off')
  if (bytes.length > MAX_REVOCATION_LENGTH) throw malformed('it is too long')
  if (bytes[0] !== FORMAT) throw malformed(`its format is ${bytes[0]}, and this weft knows ${FORMAT}`)
  const signedAt = decodeInteger(bytes, SIGNED_AT)
  const keptUntil = decodeInteger(bytes, KEPT_UNTIL_AT)
  if (signedAt === undefined || keptUntil === undefined) throw malformed('a time in it is out of range')
  if (signedAt > keptUntil) throw malformed('it ends before it was signed')
  const end = CERTIFICATE_AT + viewOf(bytes).getUint16(CERTIFICATE_LENGTH_AT)
  if (end + SIGNATURE_LENGTH !== bytes.length) throw malformed('the certificate does not fill it')
  const certificate = end === CERTIFICATE_AT ? undefined : parseCertificate(bytes.slice(CERTIFICATE_AT, end))
  if (certificate !== undefined && certificate.kind !== 'account')
    throw malformed(`it shows a certificate of kind ${certificate.kind} where an account's belongs`)
  return {
    issuerBytes: bytes.subarray(ISSUER_AT, REVOKED_AT),
    // Which role it has, the chains that hold it say.
    revoked: publicKeyFromBytes('identity', bytes.subarray(REVOKED_AT, SIGNED_AT)) as RevocableKey,
    signedAt,
    keptUntil,
    certificate,
  }
}

function malformed(why: string): IdentityError {
  return new IdentityError(
    'revocation-malformed',
    `this is no revocation: ${why}; if the other side is newer, update weft`,
  )
}
