import { assertNever, concatBytes, invariant, viewOf, type WallTime } from '@weft/base'
import {
  type AccountId,
  accountIdOf,
  type CryptoProvider,
  type MeshId,
  meshIdOf,
  type NodeId,
  nodeIdOf,
  type PrivateKey,
  type PublicKey,
} from '@weft/keys'
import {
  type Certificate,
  type CertificateKind,
  type CertificateOf,
  createCertificate,
  MAX_CERTIFICATE_LENGTH,
  parseCertificate,
  requireSignature,
} from './certificate.ts'
import { IdentityError } from './identity-error.ts'
import { dayOf, validityAt } from './validity.ts'

/**
 * The proof that a device belongs to a mesh: the certificates of account, link and device, each behind two bytes with
 * its length. docs/protocols/certificates.md
 */
const CHAIN_LENGTH = 3
const LENGTH_BYTES = 2
export const MAX_CHAIN_LENGTH = 4096

/** All keys of a chain, from the mesh's root down to the device. */
export interface ChainKeys {
  readonly rootKey: PublicKey<'root'>
  readonly accountKey: PublicKey<'account'>
  readonly linkKey: PublicKey<'link'>
  readonly identityKey: PublicKey<'identity'>
}

/** What a chain proves. */
export interface VerifiedChain extends ChainKeys {
  readonly account: AccountId
  readonly nodeId: NodeId
  /** Seconds since 1970: the earlier end of device's and account's certificates. */
  readonly notAfter: number
  readonly tags: readonly string[]
}

/** What a join link lets its bearer certify. Times are seconds since 1970. */
export interface LinkGrant {
  readonly rootKey: PublicKey<'root'>
  readonly account: AccountId
  readonly notBefore: number
  /** Until when the link may be used. */
  readonly notAfter: number
  /** The latest "not after" of a device that it lets in. */
  readonly grantsUntil: number
  /** A device of this link has exactly these. */
  readonly tags: readonly string[]
}

/** The certificates of account, link and device, in this order. */
export function encodeChain(certificates: readonly Uint8Array[]): Uint8Array {
  invariant(certificates.length === CHAIN_LENGTH, 'a chain is the certificates of account, link and device')
  return concatBytes(
    ...certificates.flatMap((certificate) => {
      invariant(certificate.length <= MAX_CERTIFICATE_LENGTH, 'a certificate is bounded')
      return [Uint8Array.of(certificate.length >> 8, certificate.length & 0xff), certificate]
    }),
  )
}

/** The certificates as they are, not looked into. Throws `IdentityError` `chain-malformed`. */
export function decodeChain(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length > MAX_CHAIN_LENGTH)
    throw chainMalformed(`it has ${bytes.length} bytes, more than ${MAX_CHAIN_LENGTH}`)
  const certificates: Uint8Array[] = []
  let at = 0
  while (at < bytes.length) {
    const start = at + LENGTH_BYTES
    if (start > bytes.length) throw chainMalformed('it is cut off')
    at = start + viewOf(bytes).getUint16(start - LENGTH_BYTES)
    if (at > bytes.length) throw chainMalformed('it is cut off')
    certificates.push(bytes.slice(start, at))
  }
  if (certificates.length !== CHAIN_LENGTH) throw chainMalformed(`${certificates.length} certificates instead of three`)
  return certificates
}

/**
 * Verifies that a chain holds for the mesh at the moment.
 *
 * Throws `IdentityError`: `chain-…`, `certificate-malformed` or `certificate-forged`.
 */
export function verifyChain(options: {
  readonly chain: Uint8Array
  readonly mesh: MeshId
  readonly at: WallTime
  readonly crypto: CryptoProvider
}): VerifiedChain {
  const { mesh, at, crypto } = options
  const { account, link, device } = parseChain(options.chain)
  requireMesh(account, mesh, crypto)
  requireChild(account, link)
  requireChild(link, device)
  if (device.tags.join() !== link.tags.join()) throw broken('the device has other tags than its join link gives')
  for (const certificate of [account, link, device]) requireSignature(certificate, crypto)
  requireValid(account, at)
  requireValid(device, at)
  return {
    ...keysOf({ account, link, device }),
    account: accountIdOf(account.subject, crypto),
    nodeId: nodeIdOf(device.subject, crypto),
    notAfter: endOf({ account, device }),
    tags: device.tags,
  }
}

/**
 * The keys of a chain that was verified before; nothing is verified here.
 * Throws `IdentityError`: `chain-…` or `certificate-malformed`.
 */
export function chainKeys(chain: Uint8Array): ChainKeys {
  return keysOf(parseChain(chain))
}

/**
 * Until when a chain holds: the earlier end of device's and account's certificates, in seconds since 1970. Nothing is
 * verified here. Throws `IdentityError`: `chain-…` or `certificate-malformed`.
 */
export function chainEnd(chain: Uint8Array): number {
  return endOf(parseChain(chain))
}

/**
 * What a joining node checks of the certificates above its own before it signs that one: that they let this link's key
 * certify a device of this mesh, now. Throws `IdentityError` as `verifyChain` does.
 */
export function verifyLinkCertificates(options: {
  readonly account: Uint8Array
  readonly link: Uint8Array
  readonly mesh: MeshId
  readonly linkKey: PublicKey<'link'>
  readonly at: WallTime
  readonly crypto: CryptoProvider
}): LinkGrant {
  const { mesh, linkKey, at, crypto } = options
  const account = requireKind(parseCertificate(options.account), 'account')
  const link = requireKind(parseCertificate(options.link), 'link')
  requireMesh(account, mesh, crypto)
  requireChild(account, link)
  if (link.subject !== linkKey) throw broken("the link certificate is for another link's key")
  requireSignature(account, crypto)
  requireSignature(link, crypto)
  requireValid(account, at)
  requireValid(link, at)
  return {
    rootKey: account.issuer,
    account: accountIdOf(account.subject, crypto),
    notBefore: link.notBefore,
    notAfter: link.notAfter,
    grantsUntil: link.grantsUntil,
    tags: link.tags,
  }
}

/**
 * The certificate that a joining node makes for itself with the link's key: as long as the link grants, with the link's
 * tags. It begins within the link's own time also where this machine's clock is a little off.
 */
export function createDeviceCertificate(options: {
  readonly grant: LinkGrant
  readonly link: PrivateKey<'link'>
  readonly identityKey: PublicKey<'identity'>
  readonly at: WallTime
  readonly crypto: CryptoProvider
}): Uint8Array {
  const { grant, link, identityKey, at, crypto } = options
  const now = Math.floor(at / 1000)
  return createCertificate(
    {
      kind: 'device',
      subject: identityKey,
      notBefore: Math.min(Math.max(now, grant.notBefore), grant.notAfter),
      notAfter: grant.grantsUntil,
      grantsUntil: 0,
      tags: grant.tags,
    },
    link,
    crypto,
  )
}

interface Chain {
  readonly account: CertificateOf<'account'>
  readonly link: CertificateOf<'link'>
  readonly device: CertificateOf<'device'>
}

function parseChain(chain: Uint8Array): Chain {
  const [account, link, device] = decodeChain(chain).map(parseCertificate)
  return {
    account: requireKind(account, 'account'),
    link: requireKind(link, 'link'),
    device: requireKind(device, 'device'),
  }
}

function endOf({ account, device }: Pick<Chain, 'account' | 'device'>): number {
  return Math.min(account.notAfter, device.notAfter)
}

function keysOf({ account, link, device }: Chain): ChainKeys {
  return {
    rootKey: account.issuer,
    accountKey: account.subject,
    linkKey: link.subject,
    identityKey: device.subject,
  }
}

function requireKind<Kind extends CertificateKind>(
  certificate: Certificate | undefined,
  kind: Kind,
): CertificateOf<Kind> {
  if (certificate?.kind !== kind) {
    throw broken(`there is a certificate of kind ${certificate?.kind} where one of kind ${kind} belongs`)
  }
  return certificate as CertificateOf<Kind>
}

function requireMesh(account: CertificateOf<'account'>, mesh: MeshId, crypto: CryptoProvider): void {
  if (account.tags.length > 0) throw broken('an account has no tags')
  if (meshIdOf(account.issuer, crypto) === mesh) return
  throw new IdentityError(
    'chain-foreign',
    `the certificates are of another mesh, not of ${mesh}: join this mesh with a link of its own`,
  )
}

function requireChild(parent: CertificateOf<'account' | 'link'>, child: CertificateOf<'link' | 'device'>): void {
  if (child.issuer !== (parent.subject as string)) throw broken(`the ${child.kind} certificate has another issuer`)
  if (child.notBefore < parent.notBefore || child.notBefore > parent.notAfter) {
    throw broken(`the ${child.kind} certificate begins when the ${parent.kind} certificate does not hold`)
  }
  if (child.notAfter > parent.grantsUntil || child.grantsUntil > parent.grantsUntil) {
    throw broken(`the ${child.kind} certificate lasts longer than the ${parent.kind} certificate grants`)
  }
}

function requireValid(certificate: Certificate, at: WallTime): void {
  const validity = validityAt(certificate, at)
  const what = `the ${certificate.kind} certificate`
  switch (validity) {
    case 'valid':
      return
    case 'expired':
      throw new IdentityError(
        'chain-expired',
        `${what} expired at ${dayOf(certificate.notAfter)}: check this machine's clock, or ask for a new join link`,
      )
    case 'not-yet-valid':
      throw new IdentityError(
        'chain-not-yet-valid',
        `${what} holds from ${dayOf(certificate.notBefore)} on only: check this machine's clock`,
      )
    default:
      assertNever(validity)
  }
}

function broken(why: string): IdentityError {
  return new IdentityError('chain-broken', `the certificates do not belong together: ${why}; ask for a new join link`)
}

function chainMalformed(why: string): IdentityError {
  return new IdentityError(
    'chain-malformed',
    `this is no chain of certificates: ${why}; if the other side is newer, update weft`,
  )
}
