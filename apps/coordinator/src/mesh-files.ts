import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Prefix, type Random, randomBytes, toHex } from '@weft/base'
import { createAccountCertificate } from '@weft/identity'
import { accountIdOf, type CryptoProvider, meshIdOf, PrivateKey } from '@weft/keys'
import { type AccountRow, type MeshRow, Store, type StoreTransaction } from '@weft/storage'
import { randomRange } from './address-range.ts'
import { CoordinatorError } from './coordinator-error.ts'
import { checkMesh } from './mesh-check.ts'
import { accountFile, MeshRoot, ROOT_FILE } from './mesh-root.ts'
import { SecretFiles } from './secret-files.ts'

const FIRST_ACCOUNT = 'owner'
const EPOCH_BYTES = 8

/** What the coordinator has on disk, opened: its database and its keys, which belong together. */
export interface MeshFiles {
  readonly store: Store
  readonly mesh: MeshRow
  readonly coordinatorKey: PrivateKey<'coordinator'>
  readonly root: MeshRoot
}

interface Opening {
  readonly secrets: SecretFiles
  /** Asked for by whoever starts the coordinator. */
  readonly range: Prefix | undefined
  readonly crypto: CryptoProvider
  readonly random: Random
  /** Seconds since 1970. */
  readonly at: number
}

/**
 * Opens the mesh in the directory, or makes one where there is none. The database is made first, then the keys, then the
 * mesh in the database: a start that is cut short goes on at the next one, and a lost database is never replaced silently.
 * @throws {CoordinatorError | StateError | StorageError}
 */
export async function openMeshFiles(
  options: { readonly directory: string } & Omit<Opening, 'secrets'>,
): Promise<MeshFiles> {
  const { directory } = options
  const path = join(directory, 'coordinator.db')
  const secrets = new SecretFiles(join(directory, 'keys'))
  const hasKeys = secrets.hasMoved(ROOT_FILE) || secrets.read('root', ROOT_FILE) !== undefined
  if (hasKeys && isMissing(path))
    throw new CoordinatorError(
      'database-missing',
      `${path} is missing, though there are keys of a mesh: restore it from a backup, or move ${join(directory, 'keys')} away to make a new mesh`,
    )
  const opening: Opening = { ...options, secrets }
  let found: Omit<MeshFiles, 'store'> | undefined
  const store = await Store.open(path, async (transaction) => {
    found = await foundMesh(transaction, opening)
  })
  try {
    // Earlier versions kept one for life.
    secrets.erase('channel')
    return { store, ...(found ?? (await createMesh(store, opening))) }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The mesh of a database, with its keys; nothing is changed. @throws {RowError | CoordinatorError} where they cannot be used. */
export async function foundMesh(
  transaction: StoreTransaction,
  opening: Pick<Opening, 'secrets' | 'range' | 'crypto'>,
): Promise<Omit<MeshFiles, 'store'> | undefined> {
  const { secrets, crypto } = opening
  const mesh = await checkMesh(transaction, crypto)
  if (mesh === undefined) return undefined
  requireSame(mesh, opening)
  const coordinatorKey = secrets.require('coordinator', 'coordinator')
  const root = MeshRoot.open({ secrets, accounts: await transaction.accounts(), crypto })
  return { mesh, coordinatorKey, root }
}

async function createMesh(
  store: Store,
  { secrets, range, crypto, random, at }: Opening,
): Promise<Omit<MeshFiles, 'store'>> {
  const coordinatorKey = secrets.readOrGenerate('coordinator', 'coordinator', random)
  const root = secrets.readOrGenerate('root', ROOT_FILE, random)
  const rootKey = root.publicKey(crypto)
  const account = PrivateKey.generate('account', random)
  const accountKey = account.publicKey(crypto)
  const id = accountIdOf(accountKey, crypto)
  secrets.write(accountFile(id), account)
  const certificate = createAccountCertificate({ account: accountKey, root, at, crypto })
  const owner: AccountRow = { id, name: FIRST_ACCOUNT, certificate, created: at }
  const mesh: MeshRow = {
    id: meshIdOf(rootKey, crypto),
    rootKey,
    addressRange: range ?? randomRange(random),
    epoch: newEpoch(random),
    number: 1,
    wholeSince: 0,
    created: at,
    copied: undefined,
  }
  await store.transaction(async (transaction) => {
    await transaction.createMesh(mesh)
    await transaction.createAccount(owner)
  })
  return { mesh, coordinatorKey, root: MeshRoot.open({ secrets, accounts: [owner], crypto }) }
}

/** Keys and what was asked for are of this mesh. @throws {CoordinatorError} */
function requireSame(mesh: MeshRow, { secrets, range, crypto }: Pick<Opening, 'secrets' | 'range' | 'crypto'>): void {
  const isMoved = secrets.hasMoved(ROOT_FILE)
  if (!isMoved && secrets.require('root', ROOT_FILE).publicKey(crypto) !== mesh.rootKey)
    throw new CoordinatorError(
      'keys-corrupt',
      'the root key is not that of the mesh in the database: restore keys and database from one backup',
    )
  if (range !== undefined && range !== mesh.addressRange)
    throw new CoordinatorError(
      'range-fixed',
      `this mesh has the range ${mesh.addressRange}, and its devices have their addresses from it: leave --range away, or make a new mesh with another --state DIR`,
    )
}

export const newEpoch = (random: Random): string => toHex(randomBytes(random, EPOCH_BYTES))

function isMissing(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false })
  return status === undefined || status.size === 0
}
