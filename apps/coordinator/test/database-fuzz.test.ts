import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Endpoint, equalBytes, silentLogger } from '@weft/base'
import { callControl } from '@weft/control-socket'
import type { Netmap } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { systemClock } from '@weft/linux'
import { fuzz } from '@weft/testing'
import { coordinatorErrorOf } from '../src/coordinator-error.ts'
import { CoordinatorError, restoreBackup } from '../src/index.ts'
import { openMeshFiles } from '../src/mesh-files.ts'
import { firstState } from '../src/start-coordinator.ts'
import { areSame, type DatabaseFiles, damageDatabase, readFiles, writeFiles } from './damaged-database.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { type TestChannel, TestNode } from './test-node.ts'
import { everyNodeAccepts } from './told-netmaps.ts'

/** Of so many that open, one is started with all that belongs to it. */
const STARTED = 10
/** What may be left out one row at a time; all else may refuse the start. */
const COSTS_ITSELF = /^(?:devices|links|records|relays)\.\w+$/

interface Known {
  readonly nodes: readonly TestNode[]
  /** By the first of them. */
  readonly held: Netmap
  readonly keys: Readonly<Record<string, string>>
}

fuzz<DatabaseFiles>({
  name: 'the database of a coordinator',
  mutate: damageDatabase,
  scene: async () => {
    await using mesh = new TestCoordinator()
    const known = await meshOfThree(mesh)
    const running = readFiles(mesh.path)
    await mesh.stop()
    const stopped = readFiles(mesh.path)
    let opened = 0
    return {
      valid: [running, stopped],
      read: (files) =>
        inDirectory(async (directory) => {
          const path = layOut(directory, files, known)
          const outcome = await openAndTell(directory, known).catch((error: unknown) => {
            assertClear(error)
            assert.ok(areSame(readFiles(path), files), 'what is refused is left as it is')
            if (COSTS_ITSELF.test(files.damage)) assert.match(error.message, /rows refer to rows|no device is within/)
            throw error
          })
          if (COSTS_ITSELF.test(files.damage)) assert.ok(outcome.leftOut <= 1, `${files.damage} cost more than itself`)
          if (opened++ % STARTED === 0) await startAndJoin(directory, known)
          return outcome.leftOut === 0 ? 'told' : 'told without'
        }),
    }
  },
  refusals: [CoordinatorError],
  reaches: ['told', 'told without', 'database-corrupt'],
  sources: ['storage/src/', 'coordinator/src/mesh-check.ts', 'coordinator/src/mesh-state.ts'],
  inputs: { short: 60, long: 3_000 },
})

fuzz<DatabaseFiles>({
  name: 'a backup that is restored',
  mutate: damageDatabase,
  scene: async () => {
    await using mesh = new TestCoordinator()
    const known = await meshOfThree(mesh)
    const file = join(mesh.directory, 'mesh.backup')
    await callControl(join(mesh.directory, 'coordinator.sock'), 'backup', { file })
    return {
      valid: [readFiles(file)],
      read: ({ database }) =>
        inDirectory(async (directory) => {
          const [backup, state] = [join(directory, 'backup'), join(directory, 'state')]
          writeFileSync(backup, database)
          try {
            await restoreBackup(state, backup)
          } catch (error) {
            assertClear(error)
            assert.ok(error.message.startsWith(backup), error.message)
            assert.deepEqual(readdirSync(state).sort(), ['coordinator.lock', 'keys'])
            assert.deepEqual(readdirSync(join(state, 'keys')), [])
            throw error
          } finally {
            assert.ok(equalBytes(readFileSync(backup), database), 'the backup is as it was')
          }
          // What a backup lets in, a start does.
          const { leftOut } = await openAndTell(state, known).catch((error: unknown) => {
            throw new Error('restored, and refused by the start', { cause: error })
          })
          return leftOut === 0 ? 'told' : 'told without'
        }),
    }
  },
  refusals: [CoordinatorError],
  reaches: ['told', 'told without', 'database-corrupt'],
  sources: ['storage/src/backup-file.ts', 'coordinator/src/backup.ts'],
  inputs: { short: 40, long: 3_000 },
})

/** With a row in each table. */
async function meshOfThree(mesh: TestCoordinator): Promise<Known> {
  await mesh.start()
  const link = await mesh.link({ reusable: true, tags: ['server'] })
  const nodes = ['alice', 'bob', 'carol'].map((name) => new TestNode(link, name))
  for (const node of nodes) await (await node.enter(mesh.port, ['192.0.2.1:7481' as Endpoint])).close()
  await (await new TestNode(await mesh.link(), 'dave').enter(mesh.port)).close()
  const socket = join(mesh.directory, 'coordinator.sock')
  await callControl(socket, 'remove', { device: 'dave' })
  for (const [type, value] of [
    ['A', '100.64.0.9'],
    ['TXT', 'a text'],
  ])
    await callControl(socket, 'name-add', { name: 'nas', type, value })
  await mesh.stop()
  using database = new DatabaseSync(mesh.path)
  database
    .prepare('insert into relays values (?, ?, ?, ?)')
    .run('a'.repeat(32), '["http://192.0.2.9:7480"]', 3478, 1_700_000_000)
  database.close()
  await mesh.start()
  const held = await netmapOf(nodes[0], mesh)
  const folder = join(mesh.directory, 'keys')
  const keys = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
  return { nodes, held, keys }
}

async function netmapOf(node: TestNode | undefined, { port }: TestCoordinator): Promise<Netmap> {
  const channel = await node?.connect(port)
  assert.ok(node !== undefined && channel !== undefined)
  await node.subscribe(channel)
  await channel.close()
  assert.ok(channel.netmap)
  return channel.netmap
}

/** As a start does, and then as every device that subscribes. */
async function openAndTell(directory: string, { nodes, held }: Known): Promise<{ readonly leftOut: number }> {
  const now = systemClock()
  const at = Math.floor(now.wall / 1000)
  const files = await openMeshFiles({ directory, range: undefined, crypto, random, at }).catch((error: unknown) => {
    throw coordinatorErrorOf(error)
  })
  try {
    const before = tablesOf(directory)
    const state = await firstState(files, { clock: systemClock, logger: silentLogger }, [])
    const rows = countOf(directory, 'devices')
    const leftOut = state.leftOut.filter(({ table }) => table === 'devices').length
    assert.equal(state.devices.size + leftOut, rows, 'who is left out is said')
    assert.equal(tablesOf(directory), before, 'what is left out stays on the disk')
    everyNodeAccepts(state, { known: nodes, held, now })
    return { leftOut: state.leftOut.length }
  } finally {
    await files.store.close()
  }
}

/** The real one: its owner asks, those who are known come back, and one that was not known comes in. */
async function startAndJoin(directory: string, { nodes }: Known): Promise<void> {
  await using mesh = await TestCoordinator.start({ stateDirectory: directory, logger: silentLogger })
  const socket = join(directory, 'coordinator.sock')
  const status = (await callControl(socket, 'status', {})) as { readonly devices: readonly { readonly id: string }[] }
  await callControl(socket, 'link-list', {})
  const channels: TestChannel[] = []
  for (const node of nodes.filter(({ id }) => status.devices.some((device) => device.id === id))) {
    const channel = await node.connect(mesh.port)
    await node.subscribe(channel)
    channels.push(channel)
  }
  const erin = new TestNode(await mesh.link(), 'erin')
  await (await erin.enter(mesh.port)).close()
  for (const channel of channels) {
    await channel.until(() => channel.netmap?.peers.some(({ id }) => id === erin.id) === true)
    await channel.close()
  }
}

/** One line that says what and what to do, and no part of the program. */
function assertClear(error: unknown): asserts error is CoordinatorError {
  if (!(error instanceof CoordinatorError)) throw error
  assert.match(error.message, /^\P{C}{20,600}$/u)
  assert.doesNotMatch(error.message, /\.ts:|undefined|\[object|restoring/)
}

function layOut(directory: string, files: DatabaseFiles, { keys }: Known): string {
  mkdirSync(join(directory, 'keys'), { mode: 0o700 })
  for (const [name, text] of Object.entries(keys)) writeFileSync(join(directory, 'keys', name), text, { mode: 0o600 })
  const path = join(directory, 'coordinator.db')
  writeFiles(path, files)
  return path
}

/** All rows that nothing but a request changes. */
function tablesOf(directory: string): string {
  using database = new DatabaseSync(join(directory, 'coordinator.db'), { readOnly: true })
  return ['accounts', 'devices', 'links', 'link_uses', 'records', 'relays', 'revocations']
    .map((table) => {
      const statement = database.prepare(`select * from ${table} order by 1, 2`)
      statement.setReadBigInts(true)
      return JSON.stringify(statement.all(), (_, value) => (typeof value === 'bigint' ? String(value) : value))
    })
    .join('\n')
}

function countOf(directory: string, table: string): number {
  using database = new DatabaseSync(join(directory, 'coordinator.db'), { readOnly: true })
  return Number(database.prepare(`select count(*) as n from ${table}`).get()?.n)
}

async function inDirectory<Result>(run: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-database-'))
  try {
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
