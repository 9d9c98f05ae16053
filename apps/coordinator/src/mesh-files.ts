import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Prefix, type Random, randomBytes, toHex } from '@weft/base'
import { createAccountCertificate } from '@weft/identity'
import { accountIdOf, type CryptoProvider, meshIdOf, PrivateKey } from '@weft/keys'
import { type MeshRow, Store } from '@weft/storage'
import { randomRange } from './address-range.ts'
import { CoordinatorError } from './coordinator-error.ts'
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
  readonly store: Store
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
  options: { readonly directory: string } & Omit<Opening, 'secrets' | 'store'>,
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
  const store = await Store.open(path)
  try {
    const opening: Opening = { ...options, secrets, store }
    const found = await store.transaction((transaction) => transaction.mesh())
    const mesh = found === undefined ? await createMesh(opening) : checkMesh(found, opening)
    // Earlier versions kept one for life.
    secrets.erase('channel')
    return {
      store,
      mesh,
      coordinatorKey: secrets.require('coordinator', 'coordinator'),
      root: await openRoot(opening),
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function createMesh({ secrets, store, range, crypto, random, at }: Opening): Promise<MeshRow> {
  secrets.readOrGenerate('coordinator', 'coordinator', random)
  const root = secrets.readOrGenerate('root', ROOT_FILE, random)
  const rootKey = root.publicKey(crypto)
  const account = PrivateKey.generate('account', random)
  const accountKey = account.publicKey(crypto)
  const id = accountIdOf(accountKey, crypto)
  secrets.write(accountFile(id), account)
  const certificate = createAccountCertificate({ account: accountKey, root, at, crypto })
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
    await transaction.createAccount({ id, name: FIRST_ACCOUNT, certificate, created: at })
  })
  return mesh
}

function checkMesh(mesh: MeshRow, { secrets, range, crypto }: Opening): MeshRow {
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
  return mesh
}

async function openRoot({ secrets, store, crypto }: Opening): Promise<MeshRoot> {
  const accounts = await store.transaction((transaction) => transaction.accounts())
  return MeshRoot.open({ secrets, accounts, crypto })
}

export const newEpoch = (random: Random): string => toHex(randomBytes(random, EPOCH_BYTES))

function isMissing(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false })
  return status === undefined || status.size === 0
}
