import { DatabaseSync } from 'node:sqlite'

/** Every row of every table, as text: equal where nothing changed. */
export function dumpDatabase(path: string): string {
  using database = new DatabaseSync(path, { readOnly: true })
  const tables = database.prepare("select name from sqlite_schema where type = 'table' order by name").all()
  return tables.map(({ name }) => `${name}\n${dumpTable(database, String(name))}`).join('\n')
}

export function countRows(path: string, table: string): number {
  using database = new DatabaseSync(path, { readOnly: true })
  return Number(database.prepare(`select count(*) as n from ${table}`).get()?.n)
}

function dumpTable(database: DatabaseSync, name: string): string {
  return database
    .prepare(`select * from "${name}"`)
    .all()
    .map((row) => JSON.stringify(row, (_, value) => (value instanceof Uint8Array ? value.toHex() : value)))
    .sort()
    .join('\n')
}
