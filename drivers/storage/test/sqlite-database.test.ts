import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { StorageError, Store } from '../src/index.ts'
import { SCHEMA_VERSION } from '../src/migration.ts'
import { someAccount, someDevice, someMesh } from './rows.ts'

describe('a database file', () => {
  let directory: string
  let path: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-storage-'))
    path = join(directory, 'coordinator.db')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('has a log written ahead, strict tables, foreign keys and a version', async () => {
    await fill(path)
    using database = new DatabaseSync(path, { readOnly: true })
    assert.equal(database.prepare('pragma journal_mode').get()?.journal_mode, 'wal')
    assert.equal(database.prepare('pragma user_version').get()?.user_version, SCHEMA_VERSION)
    const tables = database.prepare("select name, strict from pragma_table_list where schema = 'main'").all()
    const ours = tables.filter((table) => !String(table.name).startsWith('sqlite_'))
    assert.deepEqual(ours.map((table) => table.name).sort(), [
      'accounts',
      'devices',
      'epochs',
      'link_uses',
      'links',
      'mesh',
      'records',
      'relays',
      'revocations',
    ])
    assert.ok(ours.every((table) => table.strict === 1))
    assert.equal(database.prepare('pragma foreign_key_list(devices)').get()?.table, 'accounts')
  })

  it('of a newer version is refused and left as it is', async () => {
    await fill(path)
    change(path, `pragma user_version = ${SCHEMA_VERSION + 1}`)
    await isRefused(path, 'database-newer', /of version \d+, and this weft knows up to \d+; update weft/)
  })

  it('of a newer version is refused also while that version is in the log only', async () => {
    await fill(path)
    const other = new DatabaseSync(path)
    other.exec('pragma wal_autocheckpoint = 0; pragma user_version = 7')
    await assert.rejects(Store.open(path), { code: 'database-newer' })
    other.close()
  })

  it('of another program is refused and left as it is', async () => {
    change(path, 'create table theirs (a)')
    await isRefused(path, 'database-foreign', /another program/)
    change(path, 'pragma application_id = 5')
    await isRefused(path, 'database-foreign', /another program/)
  })

  it('that is no database is refused and left as it is', async () => {
    for (const content of ['x', 'no database at all, but longer than a header '.repeat(100), '{}']) {
      writeFileSync(path, content)
      await isRefused(path, 'database-corrupt', /corrupt/)
    }
  })

  it('that was cut is refused and left as it is', async () => {
    await fill(path)
    truncateSync(path, 4096 * 3)
    await isRefused(path, 'database-corrupt', /corrupt/)
  })

  it('with a damaged page is refused and left as it is', async () => {
    await fill(path)
    const whole = readFileSync(path)
    for (let page = 1; page < whole.length / 4096; page++) {
      const damaged = Buffer.from(whole)
      damaged.fill(0xa5, page * 4096, page * 4096 + 200)
      writeFileSync(path, damaged)
      if (await opens(path)) continue
      writeFileSync(path, damaged)
      await isRefused(path, 'database-corrupt', /corrupt/)
      return
    }
    assert.fail('no damage was noticed')
  })

  it('whose schema or indexes are damaged is refused in one line that says what to do', async () => {
    await fill(path)
    const whole = readFileSync(path)
    const damages = [
      "update sqlite_schema set sql = 'create\ntable nonsense\n(' where name = 'devices'",
      "update sqlite_schema set rootpage = 2 where name = 'devices_by_account'",
      'drop table link_uses',
      'alter table devices rename column name to title',
      'alter table devices drop column endpoints',
    ]
    for (const damage of damages) {
      writeFileSync(path, whole)
      const database = new DatabaseSync(path, { defensive: false })
      database.exec(`pragma writable_schema = on; ${damage}`)
      database.close()
      await assert.rejects(Store.open(path), (error) => {
        assert.ok(error instanceof StorageError, String(error))
        assert.match(error.message, /^.* is corrupt \([^\n*]+\) and was left as it is: move it away .* backup[^\n]+$/)
        return true
      })
    }
  })

  it('that is empty, as after a start that was cut short, becomes a new one', async () => {
    writeFileSync(path, '')
    await fill(path)
  })

  it('that another program holds is refused', async () => {
    await fill(path)
    using other = new DatabaseSync(path)
    other.exec('pragma locking_mode = exclusive; begin exclusive')
    await assert.rejects(Store.open(path), { code: 'database-busy' })
  })

  it('in a directory that is not there is refused', async () => {
    await assert.rejects(Store.open(join(directory, 'none', 'coordinator.db')), { code: 'database-failed' })
  })
})

describe('a database file with a log beside it', () => {
  let directory: string
  let path: string

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-storage-'))
    path = join(directory, 'coordinator.db')
    await leaveLog(path)
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('is opened with what is in the log', async () => {
    const store = await Store.open(path, async (t) => assert.equal((await t.devices()).length, 20))
    assert.equal((await store.transaction((t) => t.devices())).length, 20)
    await store.close()
  })

  it('is left as it is, to the byte, by whatever refuses it', async () => {
    const refusing = async () => Promise.reject(new Error('not this one'))
    await isLeft(path, () => assert.rejects(Store.open(path, refusing), /not this one/))
    await leaveLog(path, "update sqlite_schema set rootpage = 2 where name = 'devices_by_account'")
    await isLeft(path, () => assert.rejects(Store.open(path), { code: 'database-corrupt' }))
  })

  it('is refused where it was moved away without it', async () => {
    for (const content of [undefined, '']) {
      rmSync(path)
      if (content !== undefined) writeFileSync(path, content)
      await isLeft(path, () =>
        assert.rejects(Store.open(path), {
          code: 'database-missing',
          message: /-wal holds .* that is not there: move it/,
        }),
      )
      writeFileSync(path, '')
    }
    rmSync(path)
    renameSync(`${path}-wal`, `${path}-journal`)
    await isLeft(path, () => assert.rejects(Store.open(path), { code: 'database-missing' }))
  })
})

describe('an upgrade', () => {
  it('that cannot be done, or that its check refuses, leaves the database as it is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-storage-'))
    const path = join(directory, 'coordinator.db')
    try {
      await fill(path)
      change(path, 'pragma user_version = 3')
      await isRefused(path, 'database-corrupt', /already exists|duplicate/)
      change(path, 'drop table relays; drop table revocations')
      await isLeft(path, () =>
        assert.rejects(
          Store.open(path, async (t) => {
            assert.deepEqual(await t.relays(), [])
            throw new Error('not this one')
          }),
          /not this one/,
        ),
      )
      await (await Store.open(path)).close()
      assert.deepEqual(readdirSync(directory).sort(), ['coordinator.db', 'coordinator.db.version-3'])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

/** As after a kill: what was written last is in the log alone. */
async function leaveLog(path: string, damage = ''): Promise<void> {
  const store = await Store.open(`${path}.running`)
  await store.transaction(async (t) => {
    await t.createMesh(someMesh)
    await t.createAccount(someAccount)
    for (let number = 1; number <= 20; number++) await t.createDevice(someDevice(number))
  })
  using database = new DatabaseSync(`${path}.running`, { defensive: false })
  database.exec(`pragma writable_schema = on; ${damage}`)
  copyFileSync(`${path}.running`, path)
  copyFileSync(`${path}.running-wal`, `${path}-wal`)
  await store.close()
  database.close()
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}.running${suffix}`, { force: true })
}

/** All files but the index of the log, which SQLite makes anew each time. */
async function isLeft(path: string, refuse: () => Promise<void>): Promise<void> {
  const files = () =>
    readdirSync(dirname(path))
      .filter((name) => !name.endsWith('-shm'))
      .map((name) => [name, readFileSync(join(dirname(path), name)).toString('base64')])
  const before = files()
  await refuse()
  assert.deepEqual(files(), before)
}

async function fill(path: string): Promise<void> {
  const store = await Store.open(path)
  await store.transaction(async (t) => {
    await t.createMesh(someMesh)
    await t.createAccount(someAccount)
    for (let number = 1; number <= 20; number++) await t.createDevice(someDevice(number))
  })
  await store.close()
}

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

async function opens(path: string): Promise<boolean> {
  try {
    await (await Store.open(path)).close()
    return true
  } catch {
    return false
  }
}

async function isRefused(path: string, code: StorageError['code'], message: RegExp): Promise<void> {
  const before = readFileSync(path)
  await assert.rejects(Store.open(path), (error) => {
    assert.ok(error instanceof StorageError)
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.match(error.message, /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u, 'one line')
    assert.ok(error.message.includes(path))
    return true
  })
  assert.ok(before.equals(readFileSync(path)), 'the file changed')
  assert.deepEqual(readdirSync(join(path, '..')), ['coordinator.db'])
}
