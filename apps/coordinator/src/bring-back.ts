import { type IpAddress, prefixContains } from '@weft/base'
import {
  decodeChain,
  LINK_BACKDATED_SECONDS,
  type NodeRecord,
  readCertificate,
  type VerifiedChain,
} from '@weft/identity'
import type { PublicKey } from '@weft/keys'
import type { DeviceRow, LinkRow, StoreTransaction } from '@weft/storage'
import { freeName } from './device-name.ts'
import {
  acceptRecord,
  addressFor,
  type Joined,
  type JoinPlace,
  nameFor,
  proveChain,
  replaceRecord,
  requireUnusedKeys,
  secondsOf,
} from './join.ts'
import { linkKeyHash } from './join-links.ts'
import { Refusal } from './refusal.ts'
import { requireNotRevoked } from './revoking.ts'

export interface BringBackWish {
  readonly record: Uint8Array
  readonly chain: Uint8Array
  /** As the device was told last. */
  readonly name: string
  readonly address4: IpAddress
  /** Proven by the channel that the wish came by. */
  readonly channelKey: PublicKey<'channel'>
}

/**
 * A device tells a database that is an older copy what it knows of itself. One that is known gets its newer record, name
 * and address; one that joined after the copy was made is registered again, with its chain for proof. Where the
 * database is no copy, nobody comes in this way: a join link is used up by `join` alone.
 * @throws {Refusal}
 */
export async function bringBack(transaction: StoreTransaction, wish: BringBackWish, place: JoinPlace): Promise<Joined> {
  const mesh = await transaction.mesh()
  if (mesh?.copied === undefined)
    throw new Refusal('not-registered', 'this device is not registered here: join with a link')
  const record = acceptRecord(wish.record, place.crypto)
  if (record.channelKey !== wish.channelKey)
    throw new Refusal('record-refused', 'the record has another channel key than this channel')
  const proven = proveChain(wish.chain, record, place)
  await requireNotRevoked(transaction, proven, place)
  const known = await transaction.device(record.nodeId)
  if (known !== undefined) return renewed(transaction, known, record, { wish, place })
  if ((await transaction.account(proven.account)) === undefined)
    throw new Refusal('certificate-refused', 'this database has no such account: join with a new link')
  const link = await linkOf(transaction, proven, { wish, place, copied: mesh.copied })
  const device = await register(transaction, record, proven, { wish, place })
  await transaction.useLink(link.id, device.id, secondsOf(place.at))
  return { device, changed: true }
}

async function renewed(
  transaction: StoreTransaction,
  known: DeviceRow,
  record: NodeRecord,
  { wish, place }: { readonly wish: BringBackWish; readonly place: JoinPlace },
): Promise<Joined> {
  const { device, changed } = await replaceRecord(transaction, known, record, place.crypto)
  const name = (await isFreeName(transaction, wish.name)) ? wish.name : device.name
  const address4 = (await isFreeAddress(transaction, wish.address4, place)) ? wish.address4 : device.address4
  if (name === device.name && address4 === device.address4) return { device, changed }
  const number = changed ? device.changed : await transaction.nextNumber()
  const next: DeviceRow = { ...device, name, address4, changed: number }
  await transaction.updateDevice(next)
  return { device: next, changed: true }
}

/** The link that let the device in: one that is known may not be used up by others; one that is not was made after the copy. */
async function linkOf(
  transaction: StoreTransaction,
  proven: VerifiedChain,
  { wish, place, copied }: { readonly wish: BringBackWish; readonly place: JoinPlace; readonly copied: number },
): Promise<LinkRow> {
  const keyHash = linkKeyHash(proven.linkKey, place.crypto)
  const known = await transaction.linkByKeyHash(keyHash)
  if (known !== undefined) {
    if (known.revoked !== undefined)
      throw new Refusal('link-revoked', 'the join link of this device was revoked before')
    if (!known.reusable && known.uses > 0) throw new Refusal('link-used', 'the join link of this device let another in')
    if (known.expires < copied) throw new Refusal('link-expired', 'the join link of this device had expired before')
    return known
  }
  const [, certificate = new Uint8Array()] = decodeChain(wish.chain)
  const { notBefore, notAfter, tags } = readCertificate(certificate, place.crypto)
  if (notBefore + LINK_BACKDATED_SECONDS < copied)
    throw new Refusal(
      'link-unknown',
      'this coordinator does not know the join link of this device: join with a new one',
    )
  const link: LinkRow = {
    id: keyHash.slice(0, 10),
    keyHash,
    accountId: proven.account,
    certificate,
    // Nobody joins with it any more, and how many had is not known.
    reusable: true,
    revoked: secondsOf(place.at),
    tags,
    printedAtStart: false,
    created: notBefore,
    expires: notAfter,
    uses: 0,
  }
  await transaction.createLink(link)
  return link
}

async function register(
  transaction: StoreTransaction,
  record: NodeRecord,
  proven: VerifiedChain,
  { wish, place }: { readonly wish: BringBackWish; readonly place: JoinPlace },
): Promise<DeviceRow> {
  const { nodeId, identityKey, nodeKey, channelKey, bytes } = record
  await requireUnusedKeys(transaction, record)
  const hasAddress = await isFreeAddress(transaction, wish.address4, place)
  const device: DeviceRow = {
    id: nodeId,
    accountId: proven.account,
    identityKey,
    nodeKey,
    channelKey,
    record: bytes,
    chain: wish.chain,
    name: await nameFor(transaction, wish.name),
    address4: hasAddress ? wish.address4 : await addressFor(transaction, place),
    endpoints: [],
    noted: undefined,
    online: false,
    created: secondsOf(place.at),
    changed: await transaction.nextNumber(),
  }
  await transaction.createDevice(device)
  return device
}

async function isFreeName(transaction: StoreTransaction, name: string): Promise<boolean> {
  return freeName(name, await transaction.names()) === name
}

async function isFreeAddress(
  transaction: StoreTransaction,
  address: IpAddress,
  { range }: JoinPlace,
): Promise<boolean> {
  return prefixContains(range, address) && !(await transaction.addresses()).includes(address)
}
