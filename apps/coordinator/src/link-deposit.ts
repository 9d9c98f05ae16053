import { equalBytes, type Random } from '@weft/base'
import { readCertificate, verifyLinkCertificates } from '@weft/identity'
import type { AccountId, CryptoProvider, PublicKey } from '@weft/keys'
import type { LinkRow, StoreTransaction } from '@weft/storage'
import { type JoinPlace, refusing, secondsOf } from './join.ts'
import { linkKeyHash, linkRow, MAX_LINK_SECONDS, makeRoom, requireOpen } from './join-links.ts'
import { Refusal } from './refusal.ts'

/** In seconds: how much the clock of whoever made the link may be ahead. */
const CLOCK_AHEAD = 600

export interface DepositWish {
  readonly account: AccountId
  /** Of the link. */
  readonly certificate: Uint8Array
  readonly reusable: boolean
}

/**
 * Takes a join link that was made where the account's key lies; its seed stays there. Whoever asks again, because the answer
 * was lost, is answered the same; a link that is known already is not widened.
 * @throws {Refusal}
 */
export async function depositLink(
  transaction: StoreTransaction,
  wish: DepositWish,
  place: Omit<JoinPlace, 'range'> & { readonly random: Random },
): Promise<LinkRow> {
  const { crypto, random } = place
  const at = secondsOf(place.at)
  const linkKey = await provenLink(transaction, wish, place)
  const known = await transaction.linkByKeyHash(linkKeyHash(linkKey, crypto))
  if (known !== undefined) {
    if (!isSame(known, wish)) throw new Refusal('certificate-refused', 'another join link has this key: make a new one')
    requireOpen(known, at)
    return known
  }
  await makeRoom(transaction, wish.account, at)
  const row = linkRow({ ...wish, printedAtStart: false, at }, crypto, random)
  await transaction.createLink(row)
  return row
}

/** Root → account → link, for exactly this account. */
async function provenLink(
  transaction: StoreTransaction,
  wish: DepositWish,
  { mesh, crypto, at }: Omit<JoinPlace, 'range'>,
): Promise<PublicKey<'link'>> {
  const account = await transaction.account(wish.account)
  if (account === undefined) throw new Refusal('not-found', 'the account of this join link is gone')
  const linkKey = linkKeyOf(wish.certificate, crypto)
  const { notAfter } = refusing('certificate-refused', () =>
    verifyLinkCertificates({ account: account.certificate, link: wish.certificate, mesh, linkKey, at, crypto }),
  )
  if (notAfter > secondsOf(at) + MAX_LINK_SECONDS + CLOCK_AHEAD)
    throw new Refusal('certificate-refused', 'a join link can be used for ten years at most: choose a shorter time')
  return linkKey
}

function linkKeyOf(bytes: Uint8Array, crypto: CryptoProvider): PublicKey<'link'> {
  const certificate = refusing('certificate-refused', () => readCertificate(bytes, crypto))
  if (certificate.kind !== 'link')
    throw new Refusal(
      'certificate-refused',
      `a join link's certificate is wanted, and this is one of kind ${certificate.kind}`,
    )
  return certificate.subject
}

function isSame(known: LinkRow, { account, certificate, reusable }: DepositWish): boolean {
  return known.accountId === account && known.reusable === reusable && equalBytes(known.certificate, certificate)
}
