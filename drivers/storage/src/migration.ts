import { type Kysely, sql, type Transaction } from 'kysely'
import { firstTables } from './migrations/0001-first-tables.ts'
import { names } from './migrations/0002-names.ts'
import { epochs } from './migrations/0003-epochs.ts'
import { revocations } from './migrations/0004-revocations.ts'
import { relays } from './migrations/0005-relays.ts'

/** What differs between databases in how the same table is made. */
interface SchemaDialect {
  readonly integer: 'integer' | 'bigint'
  readonly bytes: 'blob' | 'bytea'
  /** Behind the closing bracket of every table. */
  readonly tableEnd: string
}

/** One step from a version to the next. A migration that was released is never changed; the next one mends it. */
export interface Migration {
  readonly version: number
  up(transaction: Transaction<never>, dialect: SchemaDialect): Promise<void>
}

const migrations: readonly Migration[] = [firstTables, names, epochs, revocations, relays]

/** The newest version of the schema that this program knows. */
export const SCHEMA_VERSION = migrations.length

/** Big-endian `weft`: how a database says whose it is. */
export const APPLICATION_ID = 0x77656674

const sqlite: SchemaDialect = { integer: 'integer', bytes: 'blob', tableEnd: 'strict' }

/** Brings a SQLite database of some older version to the newest, or to that one, each step in one transaction with its number. */
export async function migrateSqlite(
  database: Kysely<never>,
  { from, to = SCHEMA_VERSION }: { readonly from: number; readonly to?: number },
): Promise<void> {
  for (const migration of migrations) {
    if (migration.version <= from || migration.version > to) continue
    await database.transaction().execute(async (transaction) => {
      await migration.up(transaction, sqlite)
      await sql.raw(`pragma application_id = ${APPLICATION_ID}`).execute(transaction)
      await sql.raw(`pragma user_version = ${migration.version}`).execute(transaction)
    })
  }
}
