import { equalBytes, type IpAddress, parseIp, prefixContains, toBase64 } from '@weft/base'
import { netmapFault } from '@weft/coordinator-protocol'
import { IdentityError, readCertificate, readRevocation } from '@weft/identity'
import { accountIdOf, type CryptoProvider, meshIdOf } from '@weft/keys'
import {
  type AccountRow,
  type EpochRow,
  type MeshRow,
  type RevocationRow,
  RowError,
  type StoreTransaction,
} from '@weft/storage'
import { parseRange } from './address-range.ts'
import { LAST_SECOND } from './join-links.ts'
import { MESH_DOMAIN } from './mesh-names.ts'

/** Changes that leave room for more. */
const MAX_NUMBER = 2 ** 52

/**
 * Looks at the rows that everything else hangs on: mesh, accounts, what was revoked, epochs. Without one of them nodes would
 * refuse what they are told, or believe what is revoked; so the coordinator does not go on then, and nodes keep what they have.
 * @returns the mesh; `undefined` where none was made yet. @throws {RowError}
 */
export async function checkMesh(transaction: StoreTransaction, crypto: CryptoProvider): Promise<MeshRow | undefined> {
  const mesh = await transaction.mesh()
  const accounts = await transaction.accounts()
  if (mesh === undefined && accounts.length > 0)
    throw new RowError('mesh', 'there is no row, though there are accounts')
  if (mesh === undefined) return undefined
  if (accounts.length === 0) throw new RowError('accounts', 'there is no row')
  requireMesh(mesh, crypto)
  for (const account of accounts) requireAccount(account, mesh, crypto)
  for (const revocation of await transaction.revocations()) requireRevocation(revocation, mesh, crypto)
  requireEpochs(await transaction.epochs(), mesh)
  requireRangeOf(mesh, await transaction.addresses())
  return mesh
}

function requireMesh(mesh: MeshRow, crypto: CryptoProvider): void {
  const { id, rootKey, addressRange: range, number, wholeSince, copied } = mesh
  const fault = netmapFault('mesh', { id, rootKey, domain: MESH_DOMAIN, range })
  if (fault !== undefined) throw new RowError('mesh', fault)
  if (meshIdOf(rootKey, crypto) !== id) throw new RowError('mesh', 'id is not that of root_key')
  if (typeof parseRange(range) !== 'string') throw new RowError('mesh', 'address_range is not one that a mesh may have')
  if (number < 1 || number > MAX_NUMBER) throw new RowError('mesh', 'number is out of range')
  if (wholeSince < 0 || wholeSince > number) throw new RowError('mesh', 'whole_since is out of range')
  if (copied !== undefined && (copied < 0 || copied > LAST_SECOND)) throw new RowError('mesh', 'copied is out of range')
}

function requireAccount({ id, name, certificate }: AccountRow, mesh: MeshRow, crypto: CryptoProvider): void {
  const fault = netmapFault('owner', name)
  if (fault !== undefined) throw new RowError('accounts', `name: ${fault}`)
  const read = proven('accounts', () => readCertificate(certificate, crypto))
  const isIts = read.kind === 'account' && read.issuer === mesh.rootKey && accountIdOf(read.subject, crypto) === id
  if (!isIts) throw new RowError('accounts', 'certificate is not that of the account')
}

function requireRevocation(row: RevocationRow, mesh: MeshRow, crypto: CryptoProvider): void {
  const fault = netmapFault('revocation', toBase64(row.bytes))
  if (fault !== undefined) throw new RowError('revocations', `bytes: ${fault}`)
  const { revoked, issuer, keptUntil, bytes } = proven('revocations', () => readRevocation(row.bytes, mesh.id, crypto))
  const isSame =
    revoked === row.revoked && issuer === row.issuer && keptUntil === row.keptUntil && equalBytes(bytes, row.bytes)
  if (!isSame) throw new RowError('revocations', 'a row says otherwise than what is signed')
}

/** Numbers go on from epoch to epoch: otherwise a node that holds a later one would be told changes that lead backwards. */
function requireEpochs(epochs: readonly EpochRow[], { number }: MeshRow): void {
  const firsts = [...epochs.map(({ first }) => first), number + 1]
  if (firsts.some((first, place) => first < (firsts[place - 1] ?? 1)))
    throw new RowError('epochs', 'an epoch begins before the one before it, or behind the number of the mesh')
}

/** Where all are outside of it, it is the range that is wrong, and to leave all of them out would empty every netmap. */
function requireRangeOf({ addressRange }: MeshRow, addresses: readonly IpAddress[]): void {
  if (addresses.length > 0 && !addresses.some((address) => isWithin(addressRange, address)))
    throw new RowError('mesh', 'no device is within address_range')
}

const isWithin = (range: MeshRow['addressRange'], text: IpAddress): boolean => {
  const address = parseIp(text)
  return address !== undefined && prefixContains(range, address)
}

function proven<T>(table: 'accounts' | 'revocations', read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof IdentityError ? new RowError(table, error.message) : error
  }
}
