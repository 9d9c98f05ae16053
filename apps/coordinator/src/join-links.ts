import { type Random, randomBytes, toHex } from '@weft/base'
import { createCertificate, encodeLink, type LinkEndpoint } from '@weft/identity'
import {
  type AccountId,
  type CryptoProvider,
  type MeshId,
  PrivateKey,
  type PublicKey,
  publicKeyBytes,
} from '@weft/keys'
import type { LinkRow, StoreTransaction } from '@weft/storage'
import type { AccountSigner } from './account-signer.ts'
import { Refusal } from './refusal.ts'

const HOUR = 3_600
const DAY = 24 * HOUR
export const DEFAULT_LINK_SECONDS = DAY
/** Devices that a link lets in stay this long: there is no renewal of certificates yet. */
const DEVICE_SECONDS = 10 * 365 * DAY
/** A joining device whose clock is behind still begins within the link's time. */
export const BACKDATED_SECONDS = HOUR
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
  readonly mesh: MeshId
  readonly coordinatorKey: PublicKey<'coordinator'>
  readonly signer: AccountSigner
  readonly endpoints: readonly LinkEndpoint[]
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
  maker: LinkMaker,
): Promise<{ readonly row: LinkRow; readonly text: string }> {
  const { crypto, at } = maker
  await transaction.removeUnusedLinks(wish.account, at - KEPT_SECONDS)
  const links = await transaction.linksOf(wish.account)
  if (wish.printedAtStart) await revokeLastPrinted(transaction, links, at)
  if (links.filter((link) => linkStateAt(link, at) === 'open').length >= MAX_OPEN_LINKS)
    throw new Refusal('busy', `there are ${MAX_OPEN_LINKS} open join links: revoke some, or wait until they expire`)
  const seed = PrivateKey.generate('link', maker.random)
  const row = linkRow(wish, seed, maker)
  await transaction.createLink(row)
  const { mesh, coordinatorKey, endpoints } = maker
  return { row, text: encodeLink({ mesh, coordinatorKey, seed, endpoints }, crypto) }
}

export const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString()

async function revokeLastPrinted(transaction: StoreTransaction, links: readonly LinkRow[], at: number): Promise<void> {
  for (const link of links)
    if (link.printedAtStart && linkStateAt(link, at) === 'open') await transaction.revokeLink(link.id, at)
}

function linkRow(wish: LinkWish, seed: PrivateKey<'link'>, maker: LinkMaker): LinkRow {
  const { signer, crypto, random, at } = maker
  const subject = seed.publicKey(crypto)
  const tags = [...new Set(wish.tags)].sort()
  const expires = Math.min(at + wish.expiresSeconds, signer.grantsUntil)
  const certificate = createCertificate(
    {
      kind: 'link',
      subject,
      notBefore: Math.max(at - BACKDATED_SECONDS, signer.notBefore),
      notAfter: expires,
      grantsUntil: Math.min(at + DEVICE_SECONDS, signer.grantsUntil),
      tags,
    },
    signer.key,
    crypto,
  )
  return {
    id: toHex(randomBytes(random, ID_BYTES)),
    keyHash: linkKeyHash(subject, crypto),
    accountId: wish.account,
    certificate,
    reusable: wish.reusable,
    tags,
    printedAtStart: wish.printedAtStart,
    created: at,
    expires,
    revoked: undefined,
    uses: 0,
  }
}
