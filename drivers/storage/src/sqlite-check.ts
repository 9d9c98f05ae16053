import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { Kysely } from 'kysely'
import { APPLICATION_ID, SCHEMA_VERSION } from './migration.ts'
import { corruptError, StorageError } from './storage-error.ts'
import type { Tables } from './tables.ts'

/** Whether what the tables hold can be used; it throws where not. */
export type Check = (tables: Kysely<Tables>) => Promise<void>

/** How long a statement waits for a lock, in ms: a backup tool may hold one for a moment. */
export const BUSY_TIMEOUT = 2_000

// https://sqlite.org/fileformat2.html §1.3
const HEADER_LENGTH = 100
const MAGIC = 'SQLite format 3\0'
const USER_VERSION_OFFSET = 60
const APPLICATION_ID_OFFSET = 68

/**
 * Looks at a file without SQLite, which would make files beside it, and tells whether it holds anything. Creates it, for its owner
 * only, where missing.
 * @throws {StorageError}
 */
export function checkFile(path: string): boolean {
  requireWhole(path)
  const header = Buffer.alloc(HEADER_LENGTH)
  const descriptor = openSync(path, 'a+', 0o600)
  let length: number
  try {
    length = readSync(descriptor, header, 0, HEADER_LENGTH, 0)
  } finally {
    closeSync(descriptor)
  }
  if (length === 0) return false
  if (length < HEADER_LENGTH || header.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw corruptError(path, 'no SQLite database')
  if (header.readUInt32BE(APPLICATION_ID_OFFSET) === APPLICATION_ID)
    checkVersion(path, header.readUInt32BE(USER_VERSION_OFFSET))
  return true
}

/**
 * SQLite would throw away what was written last to a database that was moved away, or play it into the one that takes its place.
 * @throws {StorageError} `database-missing`
 */
export function requireWhole(path: string): void {
  const size = sizeOf(path)
  if (size !== undefined && size > 0) return
  // Beside an empty file, a journal is that of a start that was cut short.
  const left = (size === undefined ? ['-wal', '-journal'] : ['-wal']).map((suffix) => `${path}${suffix}`)
  const found = left.find((file) => (sizeOf(file) ?? 0) > 0)
  if (found !== undefined)
    throw new StorageError(
      'database-missing',
      `${found} holds what was written last to a ${path} that is not there: move it to where that one is, under the same name`,
    )
}

/**
 * Looks into a database before anything writes to it, and tells the schema's version; 0 in a new one. Whoever opens one for writing
 * puts its log into it, at the latest when it closes; so this only reads, unless a transaction is to be rolled back first.
 * @throws {StorageError}
 */
export async function lookInto(
  path: string,
  look: (connection: DatabaseSync, version: number) => Promise<void>,
): Promise<number> {
  using connection = openToRead(path)
  const version = checkContent(path, connection)
  await look(connection, version)
  return version
}

function openToRead(path: string): DatabaseSync {
  if ((sizeOf(`${path}-journal`) ?? 0) > 0) return new DatabaseSync(path, { timeout: BUSY_TIMEOUT })
  const url = pathToFileURL(path)
  // Without a log, nothing is made beside it.
  if ((sizeOf(`${path}-wal`) ?? 0) === 0) url.search = 'immutable=1'
  return new DatabaseSync(url, { readOnly: true, timeout: BUSY_TIMEOUT })
}

function checkContent(path: string, connection: DatabaseSync): number {
  const version = pragma(connection, 'user_version')
  const isEmpty = connection.prepare('select count(*) as n from sqlite_schema').get()?.n === 0
  const owner = pragma(connection, 'application_id')
  if (owner !== APPLICATION_ID && !(owner === 0 && version === 0 && isEmpty))
    throw new StorageError(
      'database-foreign',
      `${path} is a database of another program; choose another --state DIR, or move it away`,
    )
  checkVersion(path, version)
  const [finding] = connection.prepare('pragma integrity_check(1)').all()
  if (finding?.integrity_check !== 'ok') throw corruptError(path, withoutHeader(String(finding?.integrity_check)))
  if (connection.prepare('pragma foreign_key_check').all().length > 0)
    throw corruptError(path, 'rows refer to rows that are not there')
  if (version <= 0 && !isEmpty) throw corruptError(path, `its version is ${version}`)
  return version
}

/** A finding may begin with a line that says of which database it is: `*** in database main ***`. */
const withoutHeader = (finding: string): string => finding.replace(/^\*{3} .* \*{3}$/m, '')

function checkVersion(path: string, version: number): void {
  if (version > SCHEMA_VERSION)
    throw new StorageError(
      'database-newer',
      `${path} is of version ${version}, and this weft knows up to ${SCHEMA_VERSION}; update weft, or choose another --state DIR`,
    )
}

function pragma(connection: DatabaseSync, name: string): number {
  return Number(connection.prepare(`pragma ${name}`).get()?.[name])
}

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size
