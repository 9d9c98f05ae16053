import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Machine, type MeshNode, type Outcome, until } from '../src/index.ts'

/** Every row of every table of the machine's coordinator. */
export function databaseOf(machine: Machine): Readonly<Record<string, readonly unknown[]>> {
  using database = new DatabaseSync(machine.path('var/lib/weft/coordinator.db'), { readOnly: true })
  const tables = database.prepare(`select name from sqlite_master where type = 'table' order by name`).all()
  return Object.fromEntries(
    tables.map(({ name }) => [name, database.prepare(`select * from "${name}" order by 1, 2`).all()]),
  )
}

/** What a node holds of itself, the coordinator and its peers, without what counts by itself. */
export async function factsOf(node: MeshNode): Promise<unknown> {
  const { self, coordinator, peers } = await node.status()
  return {
    self,
    coordinator,
    peers: peers.map(({ rxBytes: _rx, txBytes: _tx, path: { rttMs: _rtt, ...path }, ...peer }) => ({ ...peer, path })),
  }
}

/** Each file below the directory with its content's SHA-256; logs, locks, files being written and what SQLite keeps beside its database left out. */
export function filesBelow(directory: string): ReadonlyMap<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/\.log$|-(wal|shm)$|\.lock$|\.tmp$/.test(name) && statSync(join(directory, name)).isFile())
    .toSorted()
  return new Map(names.map((name) => [name, hash('sha256', readFileSync(join(directory, name)))]))
}

/** A refusal as a user should see it: not 0, nothing on stdout, one line of what, why, and what to do. */
export function refusedWith(outcome: Outcome, line: RegExp): void {
  assert.equal(outcome.code, 1, `exit code ${outcome.code ?? outcome.signal}: ${outcome.stderr}${outcome.stdout}`)
  assert.equal(outcome.stdout, '')
  assert.match(outcome.stderr, /^weft: [^\n]+\n$/)
  assert.match(outcome.stderr, line)
}

/** No interface, socket or process of weft is on the machine. */
export async function nothingLeftOn(machine: Machine, options: { readonly files?: boolean } = {}): Promise<void> {
  await until('the processes are gone', () => (machine.processes.length === 0 ? true : undefined))
  assert.doesNotMatch(await machine.ok('ip', '-br', 'link'), /weft/)
  assert.equal(await machine.ok('ip', 'route', 'show', 'proto', '73'), '')
  const sockets = [...readdirSync(machine.path('run'), { recursive: true, encoding: 'utf8' })]
  assert.deepEqual(
    sockets.filter((name) => name.endsWith('.sock')),
    [],
  )
  if (options.files) assert.deepEqual([...filesBelow(machine.path('var/lib')).keys()], [])
}
