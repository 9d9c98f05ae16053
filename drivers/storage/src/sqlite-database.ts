import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Kysely } from 'kysely'
import { migrateSqlite, SCHEMA_VERSION } from './migration.ts'
import { requireSchema } from './schema-check.ts'
import { BUSY_TIMEOUT, type Check, checkFile, lookInto } from './sqlite-check.ts'
import { tablesOf } from './sqlite-dialect.ts'
import { storageErrorOf } from './storage-error.ts'
import type { Tables } from './tables.ts'

/**
 * Opens the database, or makes it, and brings it to the newest version; the one before is kept as `PATH.version-N`.
 * @param check looks at what the newest version will hold; what it throws comes back.
 * @throws {StorageError} before anything in the file was changed.
 */
export async function openSqlite(path: string, check: Check): Promise<Kysely<Tables>> {
  let connection: DatabaseSync | undefined
  try {
    const version = checkFile(path) ? await look(path, check) : 0
    connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true })
    configure(connection)
    const database = tablesOf(connection)
    if (version > 0 && version < SCHEMA_VERSION) copyTo(connection, `${path}.version-${version}`)
    await migrateSqlite(database as unknown as Kysely<never>, { from: version })
    // The version is then in the file's own header, where an older weft reads it without opening the database.
    if (version < SCHEMA_VERSION) connection.exec('pragma wal_checkpoint(truncate)')
    return database
  } catch (error) {
    connection?.close()
    throw storageErrorOf(path, error)
  }
}

/** The version. An older one is brought to the newest in a copy first, so that one which cannot be is left as it is. */
function look(path: string, check: Check): Promise<number> {
  return lookInto(path, async (connection, version) => {
    if (version === 0) return
    await requireSchema(path, connection, version)
    if (version === SCHEMA_VERSION) return check(tablesOf(connection))
    const copy = `${path}.rehearsal`
    try {
      copyTo(connection, copy)
      using trial = new DatabaseSync(copy, { enableForeignKeyConstraints: true })
      const database = tablesOf(trial)
      await migrateSqlite(database as unknown as Kysely<never>, { from: version })
      await check(database)
    } finally {
      removeDatabase(copy)
    }
  })
}

/** For its owner only, in place of what was there. */
function copyTo(connection: DatabaseSync, copy: string): void {
  removeDatabase(copy)
  closeSync(openSync(copy, 'wx', 0o600))
  connection.prepare('vacuum into ?').run(copy)
  const descriptor = openSync(copy, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** With all that belongs to it: SQLite would take what an earlier one left behind for a part of the next one. */
export function removeDatabase(path: string): void {
  for (const suffix of ['-journal', '-wal', '-shm', '']) rmSync(`${path}${suffix}`, { force: true })
}

/** `synchronous = full` with the write-ahead log: what was answered is on the disk. */
function configure(connection: DatabaseSync): void {
  connection.exec('pragma journal_mode = wal')
  connection.exec('pragma synchronous = full')
  connection.exec('pragma trusted_schema = off')
}
