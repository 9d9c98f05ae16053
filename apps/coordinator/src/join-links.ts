import { invariant, type Random, randomBytes, toHex } from '@weft/base'
import { type AccountSigner, type LinkPlace, readCertificate, signLink } from '@weft/identity'
import { type AccountId, type CryptoProvider, type PublicKey, publicKeyBytes } from '@weft/keys'
import type { LinkRow, StoreTransaction } from '@weft/storage'
import { Refusal } from './refusal.ts'

const HOUR = 3_600
const DAY = 24 * HOUR
export const DEFAULT_LINK_SECONDS = DAY
export const MAX_LINK_SECONDS = 10 * 365 * DAY
/** Unused ones are kept so long, for those who ask why a link no longer works. */
const KEPT_SECONDS = 30 * DAY
const MAX_OPEN_LINKS = 256
const ID_BYTES = 5

export type LinkState = 'open' | 'used' | 'expired' | 'revoked'

export interface LinkWish {
  readonly account: AccountId
  readonly reusable: boolean
  readonly expiresSeconds: number
  readonly tags: readonly string[]
  readonly printedAtStart: boolean
}

export interface LinkMaker {
  readonly place: LinkPlace
  readonly signer: AccountSigner
  readonly crypto: CryptoProvider
  readonly random: Random
  /** Seconds since 1970. */
  readonly at: number
}

export const linkKeyHash = (key: PublicKey<'link'>, crypto: CryptoProvider): string =>
  toHex(crypto.sha256(publicKeyBytes(key)))

export function linkStateAt(link: LinkRow, at: number): LinkState {
  if (!link.reusable && link.uses > 0) return 'used'
  if (link.revoked !== undefined) return 'revoked'
  return at > link.expires ? 'expired' : 'open'
}

/** @throws {Refusal} with its own code and message for each state in which a link lets nobody in. */
export function requireOpen(link: LinkRow, at: number): void {
  const state = linkStateAt(link, at)
  if (state === 'used') throw new Refusal('link-used', 'this join link was used already: ask for a new one')
  if (state === 'revoked') throw new Refusal('link-revoked', 'this join link was revoked: ask for a new one')
  if (state === 'expired')
    throw new Refusal('link-expired', `this join link expired at ${isoTime(link.expires)}: ask for a new one`)
}

/** The link's text holds the seed, which is stored nowhere. */
export async function createLink(
  transaction: StoreTransaction,
  wish: LinkWish,
  { place, signer, crypto, random, at }: LinkMaker,
): Promise<{ readonly row: LinkRow; readonly text: string }> {
  const { account, reusable, printedAtStart } = wish
  if (printedAtStart) await revokeLastPrinted(transaction, account, at)
  await makeRoom(transaction, account, at)
  const { text, certificate } = signLink(wish, signer, place, { crypto, random, at })
  const row = linkRow({ account, certificate, reusable, printedAtStart, at }, crypto, random)
  await transaction.createLink(row)
  return { row, text }
}

/** Seconds since 1970 of the last moment that has a text. */
export const LAST_SECOND = 8_640_000_000_000

export const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** @throws {Refusal} `busy`. */
export async function makeRoom(transaction: StoreTransaction, account: AccountId, at: number): Promise<void> {
  await transaction.removeUnusedLinks(account, at - KEPT_SECONDS)
  const links = await transaction.linksOf(account)
  if (links.filter((link) => linkStateAt(link, at) === 'open').length >= MAX_OPEN_LINKS)
    throw new Refusal('busy', `there are ${MAX_OPEN_LINKS} open join links: revoke some, or wait until they expire`)
}

async function revokeLastPrinted(transaction: StoreTransaction, account: AccountId, at: number): Promise<void> {
  for (const link of await transaction.linksOf(account))
    if (link.printedAtStart && linkStateAt(link, at) === 'open') await transaction.revokeLink(link.id, at)
}

/** @param link its certificate was read before. */
export function linkRow(
  link: {
    readonly account: AccountId
    readonly certificate: Uint8Array
    readonly reusable: boolean
    readonly printedAtStart: boolean
    /** Seconds since 1970. */
    readonly at: number
  },
  crypto: CryptoProvider,
  random: Random,
): LinkRow {
  const { account, certificate, reusable, printedAtStart, at } = link
  const { kind, subject, notAfter, tags } = readCertificate(certificate, crypto)
  invariant(kind === 'link', 'a link has a certificate of its kind')
  return {
    id: toHex(randomBytes(random, ID_BYTES)),
    keyHash: linkKeyHash(subject, crypto),
    accountId: account,
    certificate,
    reusable,
    tags,
    printedAtStart,
    created: at,
    expires: notAfter,
    revoked: undefined,
    uses: 0,
  }
}
