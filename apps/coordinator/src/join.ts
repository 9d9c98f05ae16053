import { equalBytes, type Prefix, type WallTime } from '@weft/base'
import {
  encodeChain,
  IdentityError,
  type NodeRecord,
  readCertificate,
  readRecord,
  recordMayFollow,
  type VerifiedChain,
  verifyChain,
} from '@weft/identity'
import type { CryptoProvider, MeshId, PublicKey } from '@weft/keys'
import type { DeviceRow, LinkRow, StoreTransaction } from '@weft/storage'
import { freeAddress } from './address-range.ts'
import { freeName, nameFromHostName } from './device-name.ts'
import { linkKeyHash, requireOpen } from './join-links.ts'
import { topLabels } from './mesh-names.ts'
import { Refusal } from './refusal.ts'
import { requireNotRevoked } from './revoking.ts'

export interface JoinWish {
  readonly record: Uint8Array
  readonly certificate: Uint8Array
  readonly hostName: string
  /** Proven by the channel that the wish came by. */
  readonly channelKey: PublicKey<'channel'>
}

export interface JoinPlace {
  readonly mesh: MeshId
  readonly range: Prefix
  readonly crypto: CryptoProvider
  readonly at: WallTime
}

export interface Joined {
  readonly device: DeviceRow
  /** Whether peers see something new. */
  readonly changed: boolean
}

/**
 * Registers a device and uses up its link, in the caller's transaction. Whoever asks again with the same identity and the
 * same link, because the answer was lost, is answered the same.
 * @throws {Refusal}
 */
export async function join(transaction: StoreTransaction, wish: JoinWish, place: JoinPlace): Promise<Joined> {
  const record = acceptRecord(wish.record, place.crypto)
  if (record.channelKey !== wish.channelKey)
    throw new Refusal(
      'record-refused',
      'the record has another channel key than this channel: join with the device that made it',
    )
  const link = await linkOf(transaction, wish.certificate, place)
  const known = await transaction.device(record.nodeId)
  if (known !== undefined && (await transaction.hasUsedLink(link.id, known.id)))
    return replaceRecord(transaction, known, record, place.crypto)

  requireOpen(link, secondsOf(place.at))
  const chain = await provenChain(transaction, link, record, { wish, place })
  await requireUnusedKeys(transaction, record)
  const device = await placeDevice(transaction, { record, chain, link, known, hostName: wish.hostName, place })
  await transaction.useLink(link.id, device.id, secondsOf(place.at))
  return { device, changed: true }
}

/** @throws {Refusal} `record-refused`. */
export function acceptRecord(bytes: Uint8Array, crypto: CryptoProvider): NodeRecord {
  return refusing('record-refused', () => readRecord(bytes, crypto))
}

/** A record of a known device in place of the one that is stored. @throws {Refusal} where it may not follow that one. */
export async function replaceRecord(
  transaction: StoreTransaction,
  device: DeviceRow,
  record: NodeRecord,
  crypto: CryptoProvider,
): Promise<Joined> {
  if (equalBytes(record.bytes, device.record)) return { device, changed: false }
  if (record.nodeId !== device.id)
    throw new Refusal('record-refused', 'the record is of another identity: a device publishes its own only')
  if (!recordMayFollow(record, readRecord(device.record, crypto)))
    throw new Refusal('record-refused', 'a record with a higher number is known: is a copy of this device running?')
  await requireUnusedKeys(transaction, record)
  const { nodeKey, channelKey, bytes } = record
  const changed = await transaction.nextNumber()
  const replaced: DeviceRow = { ...device, nodeKey, channelKey, record: bytes, changed }
  await transaction.updateDevice(replaced)
  return { device: replaced, changed: true }
}

export const secondsOf = (at: WallTime): number => Math.floor(at / 1000)

async function linkOf(transaction: StoreTransaction, bytes: Uint8Array, { crypto }: JoinPlace): Promise<LinkRow> {
  const certificate = refusing('certificate-refused', () => readCertificate(bytes, crypto))
  if (certificate.kind !== 'device')
    throw new Refusal('certificate-refused', `a device's certificate is wanted, and this is an ${certificate.kind}'s`)
  const link = await transaction.linkByKeyHash(linkKeyHash(certificate.issuer as PublicKey<'link'>, crypto))
  if (link === undefined)
    throw new Refusal('link-unknown', 'this coordinator does not know the join link: ask for a new one')
  return link
}

/** Root → account → link → device, for exactly the identity of the record. */
async function provenChain(
  transaction: StoreTransaction,
  link: LinkRow,
  record: NodeRecord,
  { wish, place }: { readonly wish: JoinWish; readonly place: JoinPlace },
): Promise<Uint8Array> {
  const account = await transaction.account(link.accountId)
  if (account === undefined) throw new Refusal('link-unknown', 'the account of this join link is gone')
  const chain = encodeChain([account.certificate, link.certificate, wish.certificate])
  await requireNotRevoked(transaction, proveChain(chain, record, place), place)
  return chain
}

/** @throws {Refusal} `certificate-refused` where the chain does not hold, or is not for the identity of the record. */
export function proveChain(chain: Uint8Array, record: NodeRecord, { mesh, crypto, at }: JoinPlace): VerifiedChain {
  const proven = refusing('certificate-refused', () => verifyChain({ chain, mesh, at, crypto }))
  if (proven.identityKey !== record.identityKey)
    throw new Refusal('certificate-refused', 'the certificate is of another identity than the record')
  return proven
}

/** Two devices with one WireGuard key could not be told apart; neither could two with one channel key. */
export async function requireUnusedKeys(transaction: StoreTransaction, record: NodeRecord): Promise<void> {
  const users = await transaction.deviceIdsByKeys(record.nodeKey, record.channelKey)
  if (users.some((id) => id !== record.nodeId))
    throw new Refusal('record-refused', 'another device has one of these keys: make new ones on this device')
}

async function placeDevice(
  transaction: StoreTransaction,
  options: {
    readonly record: NodeRecord
    readonly chain: Uint8Array
    readonly link: LinkRow
    readonly known: DeviceRow | undefined
    readonly hostName: string
    readonly place: JoinPlace
  },
): Promise<DeviceRow> {
  const { record, chain, link, known, hostName, place } = options
  const { nodeId, identityKey, nodeKey, channelKey, bytes } = record
  const fresh = { accountId: link.accountId, identityKey, nodeKey, channelKey, record: bytes, chain }
  if (known !== undefined) {
    requireSuccession(known, record, link, place.crypto)
    const device: DeviceRow = { ...known, ...fresh, changed: await transaction.nextNumber() }
    await transaction.updateDevice(device)
    return device
  }
  const device: DeviceRow = {
    id: nodeId,
    ...fresh,
    name: await nameFor(transaction, hostName),
    address4: await addressFor(transaction, place),
    endpoints: [],
    noted: undefined,
    online: false,
    created: secondsOf(place.at),
    changed: await transaction.nextNumber(),
  }
  await transaction.createDevice(device)
  return device
}

/** A known device that joins with another link keeps its name and addresses. */
function requireSuccession(known: DeviceRow, record: NodeRecord, link: LinkRow, crypto: CryptoProvider): void {
  if (known.accountId !== link.accountId)
    throw new Refusal('certificate-refused', 'this device belongs to another account: remove it there first')
  if (!recordMayFollow(record, readRecord(known.record, crypto)))
    throw new Refusal('record-refused', 'a record with a higher number is known: is a copy of this device running?')
}

export async function nameFor(transaction: StoreTransaction, hostName: string): Promise<string> {
  const used = [...(await transaction.names()), ...topLabels(await transaction.records())]
  return freeName(nameFromHostName(hostName), used)
}

export async function addressFor(transaction: StoreTransaction, { range }: JoinPlace) {
  const address = freeAddress(range, await transaction.addresses(), await transaction.joins())
  if (address === undefined)
    throw new Refusal(
      'addresses-exhausted',
      `all addresses of ${range} are used: remove a device, or use a larger range`,
    )
  return address
}

/** @throws {Refusal} of that code where the proof is none. */
export function refusing<T>(code: 'record-refused' | 'certificate-refused', read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof IdentityError ? new Refusal(code, error.message) : error
  }
}
