import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nativeCrypto } from '@weft/crypto'
import { ensureDirectory, lockFile } from '@weft/state'
import { RowError, removeDatabase, Store, sealBackup, unsealBackup } from '@weft/storage'
import { CoordinatorError, coordinatorErrorOf } from './coordinator-error.ts'
import { checkMesh } from './mesh-check.ts'
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
      check: async (transaction) => {
        if ((await checkMesh(transaction, nativeCrypto)) === undefined) throw new RowError('mesh', 'there is no row')
      },
      takeKeys: (keys) => secrets.writeAll(keys),
    })
  } catch (error) {
    throw coordinatorErrorOf(error)
  }
}
