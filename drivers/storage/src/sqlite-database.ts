import { closeSync, fsyncSync, openSync, readSync, rmSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { CamelCasePlugin, Kysely, SqliteDialect } from 'kysely'
import { APPLICATION_ID, migrateSqlite, SCHEMA_VERSION } from './migration.ts'
import { corruptError, StorageError, storageErrorOf } from './storage-error.ts'
import type { Tables } from './tables.ts'

/** How long a statement waits for a lock, in ms: a backup tool may hold one for a moment. */
const BUSY_TIMEOUT = 2_000

/** Prepared ones that are kept; there are fewer texts than that. */
const MAX_STATEMENTS = 256

// https://sqlite.org/fileformat2.html §1.3
const HEADER_LENGTH = 100
const MAGIC = 'SQLite format 3\0'
const USER_VERSION_OFFSET = 60
const APPLICATION_ID_OFFSET = 68

/**
 * Opens the database, or makes it, and brings it to the newest version; the one before is kept as `PATH.version-N`.
 * @throws {StorageError} before anything in the file was changed.
 */
export async function openSqlite(path: string): Promise<Kysely<Tables>> {
  checkHeader(path)
  let connection: DatabaseSync | undefined
  try {
    connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true })
    const version = checkContent(path, connection)
    configure(connection)
    const database = new Kysely<Tables>({ dialect: sqliteDialect(connection), plugins: [new CamelCasePlugin()] })
    if (version > 0 && version < SCHEMA_VERSION) keepOlder(path, connection, version)
    await migrateSqlite(database as unknown as Kysely<never>, version)
    // The version is then in the file's own header, where an older weft reads it without opening the database.
    if (version < SCHEMA_VERSION) connection.exec('pragma wal_checkpoint(truncate)')
    return database
  } catch (error) {
    connection?.close()
    throw storageErrorOf(path, error)
  }
}

/** Looks at a file without SQLite, which would make files beside it. Creates it, for its owner only, where missing. */
function checkHeader(path: string): void {
  const header = Buffer.alloc(HEADER_LENGTH)
  let length: number
  try {
    const descriptor = openSync(path, 'a+', 0o600)
    try {
      length = readSync(descriptor, header, 0, HEADER_LENGTH, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw storageErrorOf(path, error)
  }
  if (length === 0) return
  if (length < HEADER_LENGTH || header.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw corruptError(path, 'no SQLite database')
  if (header.readUInt32BE(APPLICATION_ID_OFFSET) === APPLICATION_ID)
    checkVersion(path, header.readUInt32BE(USER_VERSION_OFFSET))
}

/** The schema's version; 0 in a new database. */
function checkContent(path: string, connection: DatabaseSync): number {
  const version = pragma(connection, 'user_version')
  const owner = pragma(connection, 'application_id')
  if (owner !== APPLICATION_ID) {
    const tables = connection.prepare('select count(*) as n from sqlite_schema').get()?.n
    if (owner !== 0 || version !== 0 || tables !== 0)
      throw new StorageError(
        'database-foreign',
        `${path} is a database of another program; choose another --state DIR, or move it away`,
      )
  }
  checkVersion(path, version)
  const [finding] = connection.prepare('pragma integrity_check(1)').all()
  if (finding?.integrity_check !== 'ok') throw corruptError(path, withoutHeader(String(finding?.integrity_check)))
  if (connection.prepare('pragma foreign_key_check').all().length > 0)
    throw corruptError(path, 'rows refer to rows that are not there')
  return version
}

/** A finding may begin with a line that says of which database it is: `*** in database main ***`. */
const withoutHeader = (finding: string): string => finding.replace(/^\*{3} .* \*{3}$/m, '')

/** Beside it, for whoever must go back to the weft of before. */
function keepOlder(path: string, connection: DatabaseSync, version: number): void {
  const copy = `${path}.version-${version}`
  rmSync(copy, { force: true })
  closeSync(openSync(copy, 'wx', 0o600))
  connection.prepare('vacuum into ?').run(copy)
  const descriptor = openSync(copy, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

function checkVersion(path: string, version: number): void {
  if (version > SCHEMA_VERSION)
    throw new StorageError(
      'database-newer',
      `${path} is of version ${version}, and this weft knows up to ${SCHEMA_VERSION}; update weft, or choose another --state DIR`,
    )
}

/** `synchronous = full` with the write-ahead log: what was answered is on the disk. */
function configure(connection: DatabaseSync): void {
  connection.exec('pragma journal_mode = wal')
  connection.exec('pragma synchronous = full')
  connection.exec('pragma trusted_schema = off')
}

function pragma(connection: DatabaseSync, name: string): number {
  return Number(connection.prepare(`pragma ${name}`).get()?.[name])
}

const NOTHING = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
}

/** kysely's dialect expects better-sqlite3's shape. */
function sqliteDialect(connection: DatabaseSync): SqliteDialect {
  const statements = new Map<string, StatementSync>()
  return new SqliteDialect({
    database: {
      close: () => connection.close(),
      prepare: (text) => {
        // A full disk ends the transaction by itself; rolling back once more would hide why.
        if (text === 'rollback' && !connection.isTransaction) return NOTHING
        const statement = statements.get(text) ?? connection.prepare(text)
        if (statements.size < MAX_STATEMENTS) statements.set(text, statement)
        const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[]
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        }
      },
    },
  })
}
