import type { Random } from '@weft/base'
import { type AccountId, accountIdOf, type CryptoProvider, type MeshId, PrivateKey, type PublicKey } from '@weft/keys'
import { createCertificate, readCertificate } from './certificate.ts'
import { IdentityError } from './identity-error.ts'
import { encodeLink, type LinkEndpoint } from './join-link.ts'

const HOUR = 3_600
const DAY = 24 * HOUR
/** An account outlives the devices that it lets in. */
const ACCOUNT_SECONDS = 30 * 365 * DAY
/** Devices whose clock is behind believe the account too. */
const ACCOUNT_BACKDATED_SECONDS = DAY
/** Devices that a link lets in stay this long: there is no renewal of certificates yet. */
const DEVICE_SECONDS = 10 * 365 * DAY
/** A joining device whose clock is behind still begins within the link's time. */
export const LINK_BACKDATED_SECONDS = HOUR

/** An account's key, and within what time it may let devices in. Times are seconds since 1970. */
export interface AccountSigner {
  readonly id: AccountId
  readonly key: PrivateKey<'account'>
  readonly notBefore: number
  readonly grantsUntil: number
}

/** What a new join link shall allow. */
export interface LinkWish {
  readonly expiresSeconds: number
  readonly tags: readonly string[]
}

/** Where a new join link leads. */
export interface LinkPlace {
  readonly mesh: MeshId
  readonly coordinatorKey: PublicKey<'coordinator'>
  readonly endpoints: readonly LinkEndpoint[]
}

export function createAccountCertificate(options: {
  readonly account: PublicKey<'account'>
  readonly root: PrivateKey<'root'>
  /** Seconds since 1970. */
  readonly at: number
  readonly crypto: CryptoProvider
}): Uint8Array {
  const { account, root, at, crypto } = options
  const end = at + ACCOUNT_SECONDS
  return createCertificate(
    {
      kind: 'account',
      subject: account,
      notBefore: at - ACCOUNT_BACKDATED_SECONDS,
      notAfter: end,
      grantsUntil: end,
      tags: [],
    },
    root,
    crypto,
  )
}

/** Throws `IdentityError`: `certificate-malformed` or `certificate-forged`; `chain-broken` where it is not of that key. */
export function accountSigner(
  certificate: Uint8Array,
  key: PrivateKey<'account'>,
  crypto: CryptoProvider,
): AccountSigner {
  const account = readCertificate(certificate, crypto)
  const publicKey = key.publicKey(crypto)
  if (account.kind !== 'account' || account.subject !== publicKey)
    throw new IdentityError('chain-broken', `the account's key is not that of its certificate: restore both together`)
  return { id: accountIdOf(publicKey, crypto), key, notBefore: account.notBefore, grantsUntil: account.grantsUntil }
}

/** A join link, whose text alone holds its seed, and the certificate by which it lets devices in. */
export function signLink(
  wish: LinkWish,
  signer: AccountSigner,
  place: LinkPlace,
  means: {
    readonly crypto: CryptoProvider
    readonly random: Random
    /** Seconds since 1970. */
    readonly at: number
  },
): { readonly text: string; readonly certificate: Uint8Array } {
  const { crypto, random, at } = means
  const seed = PrivateKey.generate('link', random)
  const certificate = createCertificate(
    {
      kind: 'link',
      subject: seed.publicKey(crypto),
      notBefore: Math.max(at - LINK_BACKDATED_SECONDS, signer.notBefore),
      notAfter: Math.min(at + wish.expiresSeconds, signer.grantsUntil),
      grantsUntil: Math.min(at + DEVICE_SECONDS, signer.grantsUntil),
      tags: [...new Set(wish.tags)],
    },
    signer.key,
    crypto,
  )
  return { text: encodeLink({ ...place, seed }, crypto), certificate }
}
