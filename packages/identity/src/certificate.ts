import { concatBytes, invariant, textOf, utf8 } from '@weft/base'
import {
  type CryptoProvider,
  type PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
  SIGNATURE_LENGTH,
} from '@weft/keys'
import { IdentityError } from './identity-error.ts'
import { appendSignature, decodeInteger, encodeInteger, holdsSignature } from './signed-bytes.ts'
import type { Validity } from './validity.ts'

/**
 * One certificate of the chain root → account → link → device. docs/protocols/certificates.md
 *
 *     0   format: 1                 66  not before            90   number of tags
 *     1   kind                      74  not after             91   tags, each behind its length
 *     2   issuer's key              82  grants until          end  signature, 64 bytes
 *     34  subject's key
 *
 * Trailing bytes are refused.
 */
const FORMAT = 1
const CONTEXT = 'weft certificate 1'
const ISSUER_AT = 2
const SUBJECT_AT = ISSUER_AT + PUBLIC_KEY_LENGTH
const NOT_BEFORE_AT = SUBJECT_AT + PUBLIC_KEY_LENGTH
const NOT_AFTER_AT = 74
const GRANTS_UNTIL_AT = 82
const TAG_COUNT_AT = 90
const TAGS_AT = 91
const MAX_TAGS = 16
const MAX_TAG_LENGTH = 32
const TAG = /^[a-z0-9-]{1,32}$/
export const MAX_CERTIFICATE_LENGTH = TAGS_AT + MAX_TAGS * (1 + MAX_TAG_LENGTH) + SIGNATURE_LENGTH

interface Roles {
  readonly account: { readonly issuer: 'root'; readonly subject: 'account' }
  readonly link: { readonly issuer: 'account'; readonly subject: 'link' }
  readonly device: { readonly issuer: 'link'; readonly subject: 'identity' }
}

export type CertificateKind = keyof Roles

const KINDS = {
  account: { number: 1, issuer: 'root', subject: 'account' },
  link: { number: 2, issuer: 'account', subject: 'link' },
  device: { number: 3, issuer: 'link', subject: 'identity' },
} as const

/** Times are seconds since 1970. */
export interface CertificateFields<Kind extends CertificateKind> extends Validity {
  readonly kind: Kind
  readonly subject: PublicKey<Roles[Kind]['subject']>
  /** The latest "not after" of what the subject issues; 0 in a device certificate, for a device issues nothing. */
  readonly grantsUntil: number
  /** Sorted, each once: at most 16 of 1 to 32 characters of `a-z 0-9 -`. */
  readonly tags: readonly string[]
}

export interface CertificateOf<Kind extends CertificateKind> extends CertificateFields<Kind> {
  readonly issuer: PublicKey<Roles[Kind]['issuer']>
  readonly bytes: Uint8Array
}

export type Certificate = { [Kind in CertificateKind]: CertificateOf<Kind> }[CertificateKind]

/** Whether the text can be a tag. */
export const isTag = (text: string): boolean => TAG.test(text)

/** The fields must be as the format wants them; tags are sorted here. Anything else is our own fault and throws. */
export function createCertificate<Kind extends CertificateKind>(
  fields: CertificateFields<Kind>,
  issuer: PrivateKey<Roles[Kind]['issuer']>,
  crypto: CryptoProvider,
): Uint8Array {
  const tags = [...fields.tags].sort()
  invariant(tagsFault(tags) === undefined, `tags of a certificate: ${tagsFault(tags)}`)
  invariant(fields.notBefore <= fields.notAfter, 'a certificate begins before it ends')
  invariant(fields.kind !== 'device' || fields.grantsUntil === 0, 'a device certificate grants nothing')
  invariant(issuer.role === KINDS[fields.kind].issuer, `a certificate of kind ${fields.kind} has another issuer`)
  const content = concatBytes(
    Uint8Array.of(FORMAT, KINDS[fields.kind].number),
    publicKeyBytes(issuer.publicKey(crypto)),
    publicKeyBytes(fields.subject),
    encodeInteger(fields.notBefore),
    encodeInteger(fields.notAfter),
    encodeInteger(fields.grantsUntil),
    Uint8Array.of(tags.length),
    ...tags.flatMap((tag) => [Uint8Array.of(tag.length), utf8(tag)]),
  )
  return appendSignature(CONTEXT, content, issuer, crypto)
}

/** Throws `IdentityError` `certificate-malformed` or `certificate-forged`. Who may issue it is the chain's matter. */
export function readCertificate(bytes: Uint8Array, crypto: CryptoProvider): Certificate {
  const certificate = parseCertificate(bytes)
  requireSignature(certificate, crypto)
  return certificate
}

/** All but the signature. Throws `IdentityError` `certificate-malformed`. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length < TAGS_AT + SIGNATURE_LENGTH) throw malformed('it is cut off')
  if (bytes.length > MAX_CERTIFICATE_LENGTH) throw malformed('it is too long')
  if (bytes[0] !== FORMAT) throw malformed(`its format is ${bytes[0]}, and this weft knows ${FORMAT}`)
  const common = {
    notBefore: timeAt(bytes, NOT_BEFORE_AT),
    notAfter: timeAt(bytes, NOT_AFTER_AT),
    grantsUntil: timeAt(bytes, GRANTS_UNTIL_AT),
    tags: readTags(bytes),
    bytes: bytes.slice(),
  }
  if (common.notBefore > common.notAfter) throw malformed('it ends before it begins')
  return withKeys(bytes, common)
}

/** Throws `IdentityError` `certificate-forged`. */
export function requireSignature(certificate: Certificate, crypto: CryptoProvider): void {
  if (holdsSignature(CONTEXT, certificate.bytes, certificate.issuer, crypto)) return
  throw new IdentityError(
    'certificate-forged',
    `the ${certificate.kind} certificate is not signed by the key that it names: it was altered; ask for a new join link`,
  )
}

type Common = Omit<CertificateOf<'device'>, 'kind' | 'issuer' | 'subject'>

function withKeys(bytes: Uint8Array, common: Common): Certificate {
  const issuer = bytes.subarray(ISSUER_AT, SUBJECT_AT)
  const subject = bytes.subarray(SUBJECT_AT, NOT_BEFORE_AT)
  switch (bytes[1]) {
    case KINDS.account.number:
      return { kind: 'account', ...keysOf('account', issuer, subject), ...common }
    case KINDS.link.number:
      return { kind: 'link', ...keysOf('link', issuer, subject), ...common }
    case KINDS.device.number:
      if (common.grantsUntil !== 0) throw malformed('a device certificate grants nothing')
      return { kind: 'device', ...keysOf('device', issuer, subject), ...common }
    default:
      throw malformed(`its kind is ${bytes[1]}, and this weft knows 1 to 3`)
  }
}

function keysOf<Kind extends CertificateKind>(
  kind: Kind,
  issuer: Uint8Array,
  subject: Uint8Array,
): Pick<CertificateOf<Kind>, 'issuer' | 'subject'> {
  const roles: { readonly issuer: Roles[Kind]['issuer']; readonly subject: Roles[Kind]['subject'] } = KINDS[kind]
  return { issuer: publicKeyFromBytes(roles.issuer, issuer), subject: publicKeyFromBytes(roles.subject, subject) }
}

function timeAt(bytes: Uint8Array, offset: number): number {
  const time = decodeInteger(bytes, offset)
  if (time === undefined) throw malformed('a time in it is out of range')
  return time
}

function readTags(bytes: Uint8Array): readonly string[] {
  const end = bytes.length - SIGNATURE_LENGTH
  const count = bytes[TAG_COUNT_AT] ?? 0
  const tags: string[] = []
  let at = TAGS_AT
  while (tags.length < count && at < end) {
    const next = at + 1 + (bytes[at] ?? 0)
    tags.push(textOf(bytes.subarray(at + 1, Math.min(next, end))) ?? '')
    at = next
  }
  if (tags.length !== count || at !== end) throw malformed('its tags do not fill it')
  const fault = tagsFault(tags)
  if (fault !== undefined) throw malformed(fault)
  return tags
}

function tagsFault(tags: readonly string[]): string | undefined {
  if (tags.length > MAX_TAGS) return `more than ${MAX_TAGS} tags`
  if (!tags.every(isTag)) return `a tag is not 1 to ${MAX_TAG_LENGTH} characters of a-z 0-9 -`
  return tags.some((tag, i) => i > 0 && tag <= (tags[i - 1] ?? '')) ? 'its tags are not sorted, each once' : undefined
}

function malformed(why: string): IdentityError {
  return new IdentityError(
    'certificate-malformed',
    `this is no certificate: ${why}; if the other side is newer, update weft`,
  )
}
