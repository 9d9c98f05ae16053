import { seconds, type WallTime } from '@weft/base'
import {
  type AccountSigner,
  type ChainKeys,
  CLOCK_SKEW,
  chainEnd,
  chainKeys,
  createRevocation,
  IdentityError,
  MAX_REVOCATIONS,
  RevocationList,
  readRevocation,
} from '@weft/identity'
import type { CryptoProvider, MeshId } from '@weft/keys'
import type { DeviceRow, RevocationRow, StoreTransaction } from '@weft/storage'
import type { Outcome, RemovedDevice } from './outcome.ts'
import { Refusal } from './refusal.ts'

export interface RevokingPlace {
  readonly mesh: MeshId
  readonly crypto: CryptoProvider
  readonly at: WallTime
}

export interface Removal {
  readonly device: DeviceRow
  /** Otherwise its certificate holds for whoever is told nothing. */
  readonly isRevoked: boolean
}

/**
 * Removes a device in the caller's transaction, and revokes its identity where the account's key is here: otherwise it is
 * gone from netmaps only, and its certificate holds for whoever is told nothing.
 */
export async function removeDevice(
  transaction: StoreTransaction,
  device: DeviceRow,
  place: RevokingPlace & { readonly signer: AccountSigner | undefined },
): Promise<Outcome<Removal>> {
  const changed = await transaction.nextNumber()
  await transaction.removeDevice(device.id, changed)
  const revocation = await signedFor(transaction, device, { ...place, changed })
  if (revocation !== undefined) await transaction.putRevocation(revocation)
  const signed = revocation === undefined ? {} : { revocation }
  return {
    result: { device, isRevoked: place.signer !== undefined },
    changed: [],
    removed: [{ device: { ...device, changed }, ...signed }],
    revocations: revocation === undefined ? [] : [revocation],
  }
}

/**
 * Takes revocations that were signed elsewhere, and removes every device that they concern. Those that are known, or that
 * nobody needs any more, change nothing.
 * @throws {Refusal} `certificate-refused` where one does not hold: then none is taken; `busy` where there is no room.
 */
export async function takeRevocations(
  transaction: StoreTransaction,
  revocations: readonly Uint8Array[],
  place: RevokingPlace,
): Promise<Outcome<undefined>> {
  const list = new RevocationList(place.mesh, place.crypto)
  for (const bytes of revocations) refusing(() => list.add(bytes, place.at))
  const rows: RevocationRow[] = []
  let number: number | undefined
  for (const { revoked, issuer, keptUntil, bytes } of list.all()) {
    const known = (await transaction.revocationsOf([revoked])).find((each) => each.issuer === issuer)
    if (known !== undefined && known.keptUntil >= keptUntil) continue
    if (known === undefined) await requireRoom(transaction, place.at)
    number ??= await transaction.nextNumber()
    const row = { revoked, issuer, keptUntil, bytes, changed: number }
    await transaction.putRevocation(row)
    rows.push(row)
  }
  if (number === undefined) return { result: undefined, changed: [] }
  return {
    result: undefined,
    changed: [],
    removed: await removeRevoked(transaction, { rows, number, ...place }),
    revocations: rows,
  }
}

/** @throws {Refusal} `certificate-refused` where a key of the chain was revoked. */
export async function requireNotRevoked(
  transaction: StoreTransaction,
  chain: ChainKeys,
  place: RevokingPlace,
): Promise<void> {
  const { accountKey, linkKey, identityKey } = chain
  const list = listOf(await transaction.revocationsOf([accountKey, linkKey, identityKey]), place)
  if (list.of(chain) !== undefined)
    throw new Refusal(
      'certificate-refused',
      'this device was removed from the mesh, or its account or join link was revoked: join with a new link, as a new device',
    )
}

/** Forgets what nobody must know any more, and tells what is left. */
export async function revocationsNow(transaction: StoreTransaction, at: WallTime): Promise<readonly RevocationRow[]> {
  await forgetEnded(transaction, at)
  return transaction.revocations()
}

async function forgetEnded(transaction: StoreTransaction, at: WallTime): Promise<void> {
  await transaction.removeRevocations(Math.floor((at - CLOCK_SKEW) / seconds(1)))
}

async function signedFor(
  transaction: StoreTransaction,
  { accountId, identityKey, chain }: DeviceRow,
  place: RevokingPlace & { readonly signer: AccountSigner | undefined; readonly changed: number },
): Promise<RevocationRow | undefined> {
  const { signer, changed, mesh, crypto, at } = place
  const account = await transaction.account(accountId)
  const signedAt = Math.floor(at / seconds(1))
  const keptUntil = chainEnd(chain)
  if (signer === undefined || account === undefined || signedAt > keptUntil) return undefined
  await requireRoom(transaction, at)
  const revoker = { key: signer.key, certificate: account.certificate }
  const bytes = createRevocation({ revoked: identityKey, signedAt, keptUntil }, revoker, crypto)
  const { revoked, issuer } = readRevocation(bytes, mesh, crypto)
  return { revoked, issuer, keptUntil, bytes, changed }
}

async function requireRoom(transaction: StoreTransaction, at: WallTime): Promise<void> {
  if ((await transaction.countRevocations()) < MAX_REVOCATIONS) return
  await forgetEnded(transaction, at)
  if ((await transaction.countRevocations()) >= MAX_REVOCATIONS)
    throw new Refusal(
      'busy',
      `${MAX_REVOCATIONS} keys of this mesh are revoked, which is all that nodes remember: wait until certificates of removed devices end`,
    )
}

async function removeRevoked(
  transaction: StoreTransaction,
  { rows, number, ...place }: RevokingPlace & { readonly rows: readonly RevocationRow[]; readonly number: number },
): Promise<readonly RemovedDevice[]> {
  const list = listOf(rows, place)
  const removed: RemovedDevice[] = []
  for (const device of await transaction.devices()) {
    const found = list.of(chainKeys(device.chain))
    const revocation = rows.find(({ revoked, issuer }) => revoked === found?.revoked && issuer === found.issuer)
    if (revocation === undefined) continue
    await transaction.removeDevice(device.id, number)
    removed.push({ device: { ...device, changed: number }, revocation })
  }
  return removed
}

function listOf(rows: readonly RevocationRow[], { mesh, crypto, at }: RevokingPlace): RevocationList {
  const list = new RevocationList(mesh, crypto)
  for (const { bytes } of rows) list.add(bytes, at)
  return list
}

function refusing<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof IdentityError ? new Refusal('certificate-refused', error.message) : error
  }
}
