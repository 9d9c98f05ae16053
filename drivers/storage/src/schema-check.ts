import { DatabaseSync } from 'node:sqlite'
import type { Kysely } from 'kysely'
import { migrateSqlite } from './migration.ts'
import { tablesOf } from './sqlite-dialect.ts'
import { corruptError } from './storage-error.ts'

const COLUMNS = `
  select tables.name || '.' || columns.name as name, columns.type || columns."notnull" || columns.pk as kind
  from sqlite_schema as tables, pragma_table_info(tables.name) as columns
  where tables.type = 'table'
  order by 1`

/**
 * Tables and columns are those that the migrations up to that version make: which there are is written in the database itself, so
 * that SQLite finds one whole that lacks some.
 * @throws {StorageError}
 */
export async function requireSchema(path: string, connection: DatabaseSync, version: number): Promise<void> {
  using model = new DatabaseSync(':memory:')
  await migrateSqlite(tablesOf(model) as unknown as Kysely<never>, { from: 0, to: version })
  const found = new Map(columnsOf(connection))
  for (const [name, kind] of columnsOf(model))
    if (found.get(name) !== kind) throw corruptError(path, `${name} is not there, or not as it was made`)
}

const columnsOf = (connection: DatabaseSync): (readonly [name: string, kind: string])[] =>
  connection
    .prepare(COLUMNS)
    .all()
    .map(({ name, kind }) => [String(name), String(kind)] as const)
