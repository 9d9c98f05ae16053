import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { SCHEMA_VERSION } from '@weft/storage'
import { countRows } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { TestNode } from './test-node.ts'

/** A state directory as the weft of that version left it: two devices of one reusable link, and a link nobody used. */
interface Fixture {
  readonly version: number
  readonly keys: Readonly<Record<string, string>>
  readonly sql: readonly string[]
}

describe('a state directory of an earlier version', () => {
  for (let version = 1; version < SCHEMA_VERSION; version++)
    it(`(${version}) goes on with all its devices, and is kept as it was beside it`, async () => {
      await using coordinator = new TestCoordinator()
      layOut(coordinator, fixtureOf(version))
      await coordinator.start()
      assert.equal(countRows(coordinator.path, 'devices'), 2)
      const carol = new TestNode(await coordinator.link(), 'carol')
      const channel = await carol.enter(coordinator.port)
      assert.deepEqual(channel.netmap?.peers.map(({ name }) => name).sort(), ['alice', 'bob'])
      assert.deepEqual(channel.netmap?.peers[0]?.endpoints, ['192.0.2.1:7481'])
      await channel.close()
      const kept = `${coordinator.path}.version-${version}`
      assert.equal(statSync(kept).mode & 0o777, 0o600)
      using database = new DatabaseSync(kept, { readOnly: true })
      assert.equal(database.prepare('pragma user_version').get()?.user_version, version)
      assert.equal(database.prepare('select count(*) as n from devices').get()?.n, 2)
    })

  it('whose upgrade fails is left as it was', async () => {
    await using coordinator = new TestCoordinator()
    layOut(coordinator, fixtureOf(1))
    mkdirSync(`${coordinator.path}.version-1`)
    await assert.rejects(coordinator.start(), { code: 'database-failed' })
    using database = new DatabaseSync(coordinator.path, { readOnly: true })
    assert.equal(database.prepare('pragma user_version').get()?.user_version, 1)
  })
})

function fixtureOf(version: number): Fixture {
  const path = join(import.meta.dirname, 'fixtures', `version-${version}.json`)
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new Error(
      `${path} is missing: make it with a checkout of that version, as fixtures/README.md says, when a migration is added`,
      { cause },
    )
  }
}

function layOut({ directory, path }: TestCoordinator, { keys, sql }: Fixture): void {
  mkdirSync(join(directory, 'keys'), { mode: 0o700 })
  for (const [name, text] of Object.entries(keys))
    writeFileSync(join(directory, 'keys', name), `${text}\n`, { mode: 0o600 })
  using database = new DatabaseSync(path)
  database.exec(sql.join('\n'))
}
