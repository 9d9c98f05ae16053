import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { equalBytes } from '@weft/base'
import { type Mutation, mutateBytes, mutateText, type SeededRandom } from '@weft/testing'

/** A database as it lies on the disk; the log holds what was not yet moved over. */
export interface DatabaseFiles {
  /** What was done to it, for whoever reads of a find. `TABLE.COLUMN` where it was one value of one row. */
  readonly damage: string
  readonly database: Uint8Array
  readonly log: Uint8Array
}

const NOTHING = new Uint8Array(0)
const PAGE = 4096
/** Beyond every bound of what nodes are told. */
const HUGE = 300_000

export function readFiles(path: string, damage = ''): DatabaseFiles {
  const log = existsSync(`${path}-wal`) ? new Uint8Array(readFileSync(`${path}-wal`)) : NOTHING
  return { damage, database: new Uint8Array(readFileSync(path)), log }
}

export function writeFiles(path: string, { database, log }: DatabaseFiles): void {
  writeFileSync(path, database)
  if (log.length > 0) writeFileSync(`${path}-wal`, log)
}

export const areSame = (files: DatabaseFiles, others: DatabaseFiles): boolean =>
  equalBytes(files.database, others.database) && equalBytes(files.log, others.log)

/** Half of them values, since SQLite itself finds most of the rest. */
export const damageDatabase: Mutation<DatabaseFiles> = (valid, other, random) => {
  const { database, log } = valid
  switch (random.below(12)) {
    case 0:
      return { damage: 'bytes', database: mutateBytes(database, other.database, random), log }
    case 1:
    case 2:
      return { damage: 'page', database: withPage(database, random), log }
    case 3:
      return { damage: 'log', database, log: mutateBytes(log, other.log, random) }
    case 4:
      return { damage: 'cut log', database: other.database, log: log.slice(0, random.below(log.length + 1)) }
    case 5:
      return withSchema(valid, random)
    default:
      return withValue(valid, random)
  }
}

/** A page changed, or with another in its place. */
function withPage(database: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = database.slice()
  const pages = Math.ceil(copy.length / PAGE)
  const [page, from] = [random.below(pages) * PAGE, random.below(pages) * PAGE]
  const end = Math.min(copy.length, page + PAGE)
  if (random.chance(0.2)) copy.set(database.subarray(from, from + end - page), page)
  else {
    const changed = mutateBytes(copy.slice(page, end), copy.slice(from, from + end - page), random)
    copy.set(changed.subarray(0, end - page), page)
  }
  return copy
}

/** One value of one row, as far as the schema lets it be. */
function withValue(files: DatabaseFiles, random: SeededRandom): DatabaseFiles {
  return rewritten(files, (database) => {
    const tables = database.prepare("select name from sqlite_schema where type = 'table' order by name").all()
    const table = String(random.pick(tables).name)
    const rows = database.prepare(`select * from "${table}" order by 1, 2`).all()
    if (rows.length === 0) return 'nothing'
    const row = random.pick(rows)
    const columns = Object.keys(row)
    const column = random.pick(columns)
    const others = [random.pick(rows)[column], random.pick(rows)[random.pick(columns)]]
    const where = columns.map((name) => `"${name}" is ?`).join(' and ')
    const values = columns.map((name) => row[name] ?? null)
    try {
      const value = otherValue(row[column] ?? null, others, random)
      database.prepare(`update "${table}" set "${column}" = ? where ${where}`).run(value, ...values)
      return `${table}.${column}`
    } catch {
      return `${table}.${column}, which the schema forbids`
    }
  })
}

function otherValue(value: unknown, others: readonly unknown[], random: SeededRandom): SQLInputValue {
  const other = random.pick(others)
  if (random.chance(0.2)) return (other ?? null) as SQLInputValue
  if (value instanceof Uint8Array)
    return random.chance(0.2) ? new Uint8Array(random.pick([0, 1, 1385, HUGE])) : mutateBytes(value, value, random)
  if (typeof value === 'number')
    return random.pick([-1n, 0n, 1n, 2n, 2n ** 31n, 2n ** 52n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)])
  const text = typeof value === 'string' ? value : ''
  return random.chance(0.2)
    ? random.pick(['', ' ', '\n', '\0', '[]', '[1]', '{}', 'null', '::1', '0.0.0.0', 'a'.repeat(HUGE)])
    : mutateText(text, typeof other === 'string' ? other : '[]', random)
}

/** As another weft or another program would have left it. */
function withSchema(files: DatabaseFiles, random: SeededRandom): DatabaseFiles {
  return rewritten(files, (database) => {
    const change = random.pick([
      'pragma user_version = 99',
      'pragma user_version = 0',
      'pragma user_version = 3',
      'pragma user_version = -1',
      'pragma application_id = 7',
      'pragma application_id = 0; pragma user_version = 0',
      'drop table devices',
      'drop table link_uses',
      'delete from accounts',
      'delete from mesh',
      'delete from link_uses',
      'drop table epochs',
      'alter table devices drop column endpoints',
      'alter table devices rename column name to title',
      'create table guests (name text)',
    ])
    database.exec(change)
    return change
  })
}

function rewritten(files: DatabaseFiles, change: (database: DatabaseSync) => string): DatabaseFiles {
  const directory = mkdtempSync(join(tmpdir(), 'weft-rewritten-'))
  const path = join(directory, 'db')
  try {
    writeFiles(path, files)
    const database = new DatabaseSync(path, { enableForeignKeyConstraints: false })
    const damage = change(database)
    database.close()
    return readFiles(path, damage)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
