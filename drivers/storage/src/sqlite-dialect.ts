import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { CamelCasePlugin, Kysely, SqliteDialect } from 'kysely'
import type { Tables } from './tables.ts'

/** Prepared ones that are kept; there are fewer texts than that. */
const MAX_STATEMENTS = 256

/** The tables of an open database, which is closed with them. */
export const tablesOf = (connection: DatabaseSync): Kysely<Tables> =>
  new Kysely<Tables>({ dialect: sqliteDialect(connection), plugins: [new CamelCasePlugin()] })

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
        statement.setReadBigInts(true)
        if (statements.size < MAX_STATEMENTS) statements.set(text, statement)
        const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[]
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)).map(withNumbers),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)).map(withNumbers),
        }
      },
    },
  })
}

type Row = Record<string, SQLOutputValue>

/** An integer that is no number of JavaScript stays what it is: reading it as one would cost the whole answer. */
function withNumbers(row: Row): Row {
  for (const column in row) {
    const value = row[column]
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) row[column] = Number(value)
  }
  return row
}
