import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nativeCrypto } from '@weft/crypto'
import { systemClock } from '@weft/linux'
import { ensureDirectory, lockFile } from '@weft/state'
import {
  type KeyTexts,
  type MeshRow,
  RowError,
  removeDatabase,
  Store,
  type StoreTransaction,
  sealBackup,
  unsealBackup,
} from '@weft/storage'
import { CoordinatorError, coordinatorErrorOf } from './coordinator-error.ts'
import { secondsOf } from './join.ts'
import { checkMesh } from './mesh-check.ts'
import { foundMesh } from './mesh-files.ts'
import { ROOT_FILE } from './mesh-root.ts'
import { SecretFiles } from './secret-files.ts'

/** Writes a backup of the running coordinator's database and keys; what is at the path is replaced once all is there. */
export async function backUp(stateDirectory: string, store: Store, file: string): Promise<void> {
  const copy = `${file}.${process.pid}.tmp`
  try {
    await store.copyTo(copy)
    sealBackup(copy, file, new SecretFiles(join(stateDirectory, 'keys')).readAll())
  } finally {
    removeDatabase(copy)
  }
}

/**
 * A backup of a coordinator that does not run.
 * @throws {CoordinatorError}
 */
export async function backUpStopped(stateDirectory: string, file: string): Promise<void> {
  try {
    const path = join(stateDirectory, 'coordinator.db')
    if (!existsSync(path))
      throw new CoordinatorError(
        'database-missing',
        `there is no mesh in ${stateDirectory}: choose another --state DIR`,
      )
    using _lock = lockFile(join(stateDirectory, 'coordinator.lock'))
    const store = await Store.open(path)
    try {
      await backUp(stateDirectory, store, resolve(file))
    } finally {
      await store.close()
    }
  } catch (error) {
    throw coordinatorErrorOf(error)
  }
}

/**
 * Puts the mesh of a backup into a state directory that has none. Devices bring back what they know of themselves.
 * @throws {CoordinatorError} and leaves the directory without a mesh, as it was.
 */
export async function restoreBackup(stateDirectory: string, file: string): Promise<void> {
  try {
    if (!existsSync(file)) throw new CoordinatorError('database-missing', `there is no backup at ${file}`)
    ensureDirectory(stateDirectory, 0o700)
    using _lock = lockFile(join(stateDirectory, 'coordinator.lock'))
    const path = join(stateDirectory, 'coordinator.db')
    const secrets = new SecretFiles(join(stateDirectory, 'keys'))
    if (existsSync(path))
      throw new CoordinatorError(
        'mesh-present',
        `${stateDirectory} holds a mesh already: move it away, or choose another --state DIR`,
      )
    await unsealBackup(file, path, {
      at: secondsOf(systemClock().wall),
      check: (keys) => (transaction) => checkBackup(transaction, { file, stateDirectory, keys }),
      takeKeys: (keys) => secrets.writeAll(keys),
    })
  } catch (error) {
    throw coordinatorErrorOf(error)
  }
}

/** Database and keys of a backup belong together, and no other mesh's keys are in their place. */
async function checkBackup(
  transaction: StoreTransaction,
  { file, stateDirectory, keys }: { readonly file: string; readonly stateDirectory: string; readonly keys: KeyTexts },
): Promise<void> {
  const mesh = await checkMesh(transaction, nativeCrypto)
  if (mesh === undefined) throw new RowError('mesh', 'there is no row')
  const directory = join(stateDirectory, 'keys.restoring')
  rmSync(directory, { recursive: true, force: true })
  try {
    const secrets = new SecretFiles(directory)
    secrets.writeAll(keys)
    await foundMesh(transaction, { secrets, range: undefined, crypto: nativeCrypto })
  } catch (error) {
    if (!(error instanceof CoordinatorError)) throw error
    throw new CoordinatorError(
      error.code,
      `${file} does not hold the keys of its mesh, and nothing was restored: give another backup`,
      error,
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  if (holdsOtherRoot(new SecretFiles(join(stateDirectory, 'keys')), mesh))
    throw new CoordinatorError(
      'mesh-present',
      `${join(stateDirectory, 'keys')} holds the keys of another mesh: move it away, or choose another --state DIR`,
    )
}

/** A file that holds no key, or says that it was moved, may be replaced. */
function holdsOtherRoot(secrets: SecretFiles, { rootKey }: MeshRow): boolean {
  try {
    const root = secrets.read('root', ROOT_FILE)
    return root !== undefined && root.publicKey(nativeCrypto) !== rootKey
  } catch {
    return false
  }
}
