import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { callControl } from '@weft/control-socket'
import { CoordinatorError } from '../src/index.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { TestNode } from './test-node.ts'

interface LeftOut {
  readonly table: string
  readonly row: string
}

describe('a damaged row', () => {
  const rows = [
    ['devices', "update devices set name = 'Not A Name' where name = 'bob'"],
    ['devices', "update devices set address4 = 'nowhere' where name = 'bob'"],
    ['devices', "update devices set address4 = '100.64.0.1\n' where name = 'bob'"],
    ['devices', "update devices set address4 = '8.8.8.8' where name = 'bob'"],
    ['devices', "update devices set endpoints = 'nonsense' where name = 'bob'"],
    ['devices', `update devices set endpoints = '["nonsense"]' where name = 'bob'`],
    ['devices', "update devices set noted = 'nonsense' where name = 'bob'"],
    ['devices', "update devices set record = zeroblob(1385) where name = 'bob'"],
    ['devices', "update devices set chain = x'' where name = 'bob'"],
    ['devices', "update devices set identity_key = 'nonsense' where name = 'bob'"],
    ['devices', "update devices set changed = 9223372036854775807 where name = 'bob'"],
    ['records', "insert into records values ('git', 'A', 'nonsense')"],
    ['records', "insert into records values ('', 'TXT', 'x')"],
    ['records', "insert into records values ('long', 'TXT', hex(zeroblob(10000)))"],
    ['records', "insert into records values (hex(zeroblob(10000)), 'TXT', 'x')"],
    ['relays', `insert into relays values ('nonsense', '["https://relay.example"]', 3478, 1)`],
    ['relays', `insert into relays values ('${'a'.repeat(32)}', '["nonsense"]', null, 1)`],
    ['relays', `insert into relays values ('${'a'.repeat(32)}', '[', null, 1)`],
    ['relays', `insert into relays values ('${'a'.repeat(32)}', '["https://relay.example"]', 0, 1)`],
    ['links', "update links set tags = '[' where uses > 0"],
    ['links', 'update links set expires = 9007199254740991 where uses > 0'],
  ] as const

  it('of a device, a record, a relay or a link costs that one alone, which is said, and stays on the disk', async () => {
    await using mesh = await TestCoordinator.start()
    const [alice] = await meshOfThree(mesh)
    const whole = readFileSync(mesh.path)
    for (const [table, sql] of rows) {
      change(mesh.path, 'pragma foreign_keys = off', sql)
      mesh.log.length = 0
      await mesh.start()
      const channel = await alice.connect(mesh.port)
      await alice.subscribe(channel)
      const names = channel.netmap?.peers.map(({ name }) => name).sort()
      assert.deepEqual(names, table === 'devices' ? ['carol'] : ['bob', 'carol'], sql)
      assert.deepEqual(channel.netmap?.records ?? [], [{ name: 'nas', type: 'A', value: '100.64.0.9' }], sql)
      const { links } = await channel.request('link-list', {})
      assert.equal(links.length, table === 'links' ? 1 : 2, sql)
      const { leftOut } = (await callControl(join(mesh.directory, 'coordinator.sock'), 'status', {})) as {
        leftOut: readonly LeftOut[]
      }
      assert.deepEqual(
        leftOut.map((row) => row.table),
        [table],
        sql,
      )
      assert.ok(leftOut.every(({ row }) => row.length <= 64))
      assert.equal(mesh.log.filter((line) => line.startsWith('warn left out') && line.includes(table)).length, 1, sql)
      const rename = await channel.request('rename', { device: 'carol', name: 'karl' })
      assert.equal(rename.name, 'karl', sql)
      const dave = new TestNode(await mesh.link(), 'bob')
      await (await dave.enter(mesh.port)).close()
      await channel.until(() => channel.netmap?.peers.length === (table === 'devices' ? 2 : 3))
      await channel.close()
      await mesh.stop()
      writeFileSync(mesh.path, whole)
    }
  })

  it('that is what all else hangs on refuses the start, in one line, and is left as it is', async () => {
    await using mesh = await TestCoordinator.start()
    const [, , carol] = await meshOfThree(mesh)
    await mesh.start()
    const channel = await carol.connect(mesh.port)
    await channel.request('remove', { device: 'bob' })
    await mesh.stop()
    const whole = readFileSync(mesh.path)
    for (const sql of [
      "update mesh set id = '00112233445566778899aabbccddeeff'",
      "update mesh set root_key = 'nonsense'",
      "update mesh set address_range = '8.8.8.0/24'",
      "update mesh set address_range = '10.0.0.0/24'",
      "update mesh set address_range = 'nonsense'",
      'update mesh set number = 1',
      'update mesh set number = -1',
      'update mesh set number = 9223372036854775807',
      'update mesh set whole_since = 1000000',
      'update mesh set copied = 9007199254740991',
      'delete from mesh',
      "update accounts set name = 'two' || char(10) || 'lines'",
      "update accounts set id = 'nonsense'",
      "update accounts set certificate = x'00'",
      'update accounts set certificate = substr(certificate, 1, 40)',
      'delete from accounts',
      "update revocations set bytes = x'00'",
      "update revocations set revoked = 'nonsense'",
      'update revocations set kept_until = 1',
      'update epochs set first = 1000000',
      'update epochs set place = 9223372036854775807 where place = 1',
    ]) {
      change(mesh.path, 'pragma foreign_keys = off', sql)
      const before = readFileSync(mesh.path)
      await assert.rejects(mesh.start(), (error) => {
        assert.ok(error instanceof CoordinatorError, `${sql}: ${error}`)
        assert.equal(error.code, 'database-corrupt', sql)
        assert.match(
          error.message,
          /^\S+coordinator\.db is corrupt \([^\n]+\) and was left as it is: move it away [^\n]+$/,
        )
        return true
      })
      assert.ok(readFileSync(mesh.path).equals(before), sql)
      assert.deepEqual(
        readdirSync(mesh.directory).filter((name) => name.startsWith('coordinator.db')),
        ['coordinator.db'],
      )
      writeFileSync(mesh.path, whole)
    }
    await mesh.start()
  })
})

/** A mesh with a record, and three devices that came in by one link; it is stopped. */
async function meshOfThree(mesh: TestCoordinator): Promise<readonly [TestNode, TestNode, TestNode]> {
  const link = await mesh.link({ reusable: true })
  await mesh.link()
  const nodes = [new TestNode(link, 'alice'), new TestNode(link, 'bob'), new TestNode(link, 'carol')] as const
  for (const node of nodes) await (await node.enter(mesh.port)).close()
  await callControl(join(mesh.directory, 'coordinator.sock'), 'name-add', {
    name: 'nas',
    type: 'A',
    value: '100.64.0.9',
  })
  await mesh.stop()
  return nodes
}

function change(path: string, ...statements: readonly string[]): void {
  using database = new DatabaseSync(path)
  for (const statement of statements) database.exec(statement)
}
