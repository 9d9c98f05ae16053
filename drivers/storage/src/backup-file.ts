import { chmodSync, closeSync, copyFileSync, fsyncSync, openSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { APPLICATION_ID } from './migration.ts'
import { requireWhole } from './sqlite-check.ts'
import { removeDatabase } from './sqlite-database.ts'
import { StorageError, storageErrorOf } from './storage-error.ts'
import { type RowCheck, Store } from './store.ts'

/**
 * A backup is one file: the database, with a table of the coordinator's key files beside its own. It is as secret as these.
 */
export type KeyTexts = Readonly<Record<string, string>>

/**
 * Makes a database that was copied whole a backup, in place of what was at the path.
 * @throws {StorageError} and leaves what was at the path as it was.
 */
export function sealBackup(copy: string, path: string, keys: KeyTexts): void {
  try {
    const database = new DatabaseSync(copy)
    try {
      database.exec('pragma journal_mode = delete')
      database.exec('create table backup_keys (name text primary key not null, text text not null) strict')
      const insert = database.prepare('insert into backup_keys values (?, ?)')
      for (const [name, text] of Object.entries(keys)) insert.run(name, text)
    } finally {
      database.close()
    }
    sync(copy)
    renameSync(copy, path)
    sync(dirname(path))
  } catch (error) {
    throw storageErrorOf(path, error)
  }
}

/**
 * Puts the backup's database at a path where none is, marked as a copy, once `takeKeys` has taken its keys.
 * @param check looks at what is in it, and at its keys; what it throws comes back.
 * @throws {StorageError} that names the backup; then nothing is at the path.
 */
export async function unsealBackup(
  backup: string,
  path: string,
  {
    at,
    check,
    takeKeys,
  }: {
    /** Seconds since 1970. */
    readonly at: number
    readonly check: (keys: KeyTexts) => RowCheck
    readonly takeKeys: (keys: KeyTexts) => void
  },
): Promise<void> {
  const copy = `${path}.restoring`
  try {
    requireWhole(path)
    removeDatabase(copy)
    copyFileSync(backup, copy)
    chmodSync(copy, 0o600)
    const keys = takeKeysOut(backup, copy)
    const store = await Store.open(copy, check(keys))
    await store.transaction((transaction) => transaction.markCopied(at))
    await store.close()
    sync(copy)
    takeKeys(keys)
    renameSync(copy, path)
    sync(dirname(path))
  } catch (error) {
    throw restoringError(error, { backup, copy, path })
  } finally {
    removeDatabase(copy)
  }
}

/** What is wrong with the copy is wrong with the backup; where it cannot be written, nothing can be at the path. */
function restoringError(
  cause: unknown,
  { backup, copy, path }: { readonly backup: string; readonly copy: string; readonly path: string },
): unknown {
  const error = storageErrorOf(copy, cause)
  if (!(error instanceof StorageError)) return error
  const { code, detail, message } = error
  switch (code) {
    case 'database-corrupt':
      return new StorageError(code, `${backup} is corrupt (${detail}), and nothing was restored: give another backup`, {
        cause,
      })
    case 'database-newer':
      return new StorageError(code, `${backup} is of a newer weft, and nothing was restored: update weft first`, {
        cause,
      })
    default:
      return new StorageError(code, message.replaceAll(copy, path), { cause })
  }
}

function takeKeysOut(backup: string, copy: string): KeyTexts {
  const database = new DatabaseSync(copy)
  try {
    // Nothing of the keys stays in free pages, or in a journal.
    database.exec('pragma secure_delete = on; pragma journal_mode = memory')
    const isBackup =
      database.prepare('pragma application_id').get()?.application_id === APPLICATION_ID &&
      database.prepare("select 1 from sqlite_schema where name = 'backup_keys'").get() !== undefined
    if (!isBackup)
      throw new StorageError(
        'database-foreign',
        `${backup} is no backup of a coordinator: give a file that weft serve --backup FILE wrote`,
      )
    const rows = database.prepare('select name, text from backup_keys').all()
    database.exec('drop table backup_keys')
    return Object.fromEntries(rows.map(({ name, text }) => [String(name), String(text)]))
  } finally {
    database.close()
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
