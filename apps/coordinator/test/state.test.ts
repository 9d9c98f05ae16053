import assert from 'node:assert/strict'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { type Prefix, parsePrefix, prefixContains, prefixParts, silentLogger } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { systemClock } from '@weft/linux'
import { CoordinatorError, type CoordinatorErrorCode, startCoordinator } from '../src/index.ts'
import { dumpDatabase } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { TestNode } from './test-node.ts'

describe('the state directory', () => {
  it('holds keys for its owner only, and a random range', async () => {
    await using coordinator = await TestCoordinator.start()
    const keys = join(coordinator.directory, 'keys')
    assert.equal(statSync(keys).mode & 0o777, 0o700)
    const names = readdirSync(keys).sort()
    assert.deepEqual(
      names.map((name) => name.replace(/[0-9a-f]{32}/, 'ID')),
      ['account-ID.key', 'coordinator.key', 'root.key'],
    )
    for (const name of names) assert.equal(statSync(join(keys, name)).mode & 0o777, 0o600)
    assert.equal(statSync(coordinator.path).mode & 0o777, 0o600)
    const { address, length } = prefixParts(coordinator.running.range)
    assert.ok(prefixContains('100.64.0.0/10' as Prefix, address) && length === 18)
  })

  it('is one coordinator at a time', async () => {
    await using coordinator = await TestCoordinator.start()
    await isRefused(coordinator, 'state-locked', new RegExp(`process ${process.pid}`))
    await coordinator.stop()
    await coordinator.start()
  })

  it('keeps its range', async () => {
    await using coordinator = await TestCoordinator.start({ range: '10.7.0.0/24' as Prefix })
    await coordinator.stop()
    await isRefused(coordinator, 'range-fixed', /10\.7\.0\.0\/24/, { range: '10.8.0.0/24' as Prefix })
    await coordinator.start({ range: '10.7.0.0/24' as Prefix })
    assert.equal(coordinator.running.range, '10.7.0.0/24')
  })

  it('is left as it is where its database is newer, corrupt or missing, or a key is', async () => {
    await using coordinator = await TestCoordinator.start()
    await (await new TestNode(await coordinator.link(), 'x').enter(coordinator.port)).close()
    await coordinator.stop()
    const whole = readFileSync(coordinator.path)
    const path = new RegExp(coordinator.path)

    using database = new DatabaseSync(coordinator.path)
    database.exec('pragma user_version = 99')
    database.close()
    await isRefused(coordinator, 'database-newer', /99.*update weft/)
    writeFileSync(coordinator.path, whole)
    truncateSync(coordinator.path, whole.length - 5_000)
    await isRefused(coordinator, 'database-corrupt', path)
    writeFileSync(coordinator.path, 'not a database, and never was one'.repeat(200))
    await isRefused(coordinator, 'database-corrupt', path)
    rmSync(coordinator.path)
    await isRefused(coordinator, 'database-missing', path)
    writeFileSync(coordinator.path, whole)

    for (const name of readdirSync(join(coordinator.directory, 'keys'))) {
      const file = join(coordinator.directory, 'keys', name)
      renameSync(file, `${file}.away`)
      await isRefused(coordinator, 'keys-missing', new RegExp(name))
      writeFileSync(file, 'nonsense\n')
      await isRefused(coordinator, 'keys-corrupt', new RegExp(name))
      writeFileSync(file, Buffer.alloc(32, 7).toString('base64'))
      if (name !== 'coordinator.key') await isRefused(coordinator, 'keys-corrupt', /backup/)
      renameSync(`${file}.away`, file)
    }
    await coordinator.start()
  })

  it('lets nobody into a netmap whose proof does not hold', async () => {
    await using coordinator = await TestCoordinator.start()
    const link = await coordinator.link({ reusable: true })
    const alice = new TestNode(link, 'alice')
    const bob = new TestNode(link, 'bob')
    for (const node of [alice, bob]) await (await node.enter(coordinator.port)).close()
    await coordinator.stop()
    using database = new DatabaseSync(coordinator.path)
    database.prepare('update devices set chain = ? where id = ?').run(alice.chain ?? '', bob.id)
    database.close()
    await coordinator.start()
    const channel = await alice.connect(coordinator.port)
    await alice.subscribe(channel)
    assert.equal(channel.netmap?.peers.length, 0)
    assert.ok(coordinator.log.some((line) => line.includes('left out') && line.includes(bob.id)))
    const again = new TestNode(await coordinator.link(), 'bob', bob.keys)
    await again.enter(coordinator.port)
    await channel.until(() => channel.netmap?.peers.length === 1)
  })
})

describe('a coordinator', () => {
  it('says who uses its port, and leaves nothing behind', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const parent = mkdtempSync(join(tmpdir(), 'weft-coordinator-'))
    try {
      await assert.rejects(
        startCoordinator({
          stateDirectory: join(parent, 'state'),
          listen: { host: '127.0.0.1', port },
          logger: silentLogger,
          clock: systemClock,
        }),
        {
          code: 'listen-busy',
          message: `cannot listen on 127.0.0.1:${port}: another program (perhaps another weft serve) uses the port; stop it or give --listen HOST:PORT`,
        },
      )
      assert.deepEqual(readdirSync(parent), [])
    } finally {
      other.close()
      rmSync(parent, { recursive: true })
    }
  })

  it('says what is wrong with where it should listen, its range and its URL', async () => {
    await using coordinator = await TestCoordinator.start()
    await coordinator.stop()
    const before = dumpDatabase(coordinator.path)
    await isRefused(coordinator, 'listen-failed', /no such address/, { listen: { host: '192.0.2.77', port: 0 } })
    await isRefused(coordinator, 'listen-failed', /host\.invalid/, { listen: { host: 'host.invalid', port: 0 } })
    await isRefused(coordinator, 'range-refused', /8\.8\.8\.0/, { range: parsePrefix('8.8.8.0/24') as Prefix })
    await isRefused(coordinator, 'public-url-refused', /scheme, host/, { publicUrl: 'https://user:secret@x' })
    assert.equal(dumpDatabase(coordinator.path), before)
  })

  it('listens for both families, and tells its ways, the public URL first', async () => {
    await using coordinator = await TestCoordinator.start({
      listen: { host: '::', port: 0 },
      publicUrl: 'https://weft.example/',
    })
    const { running, port } = coordinator
    for (const host of ['127.0.0.1', '[::1]']) {
      const answer = await fetch(`http://${host}:${port}/healthz`)
      assert.deepEqual([answer.status, await answer.json()], [200, { status: 'ok', channel: 1 }])
    }
    assert.equal(running.reachableAt[0], 'https://weft.example')
    assert.ok(running.reachableAt.every((text) => text.startsWith('http') && !/127\.0\.0\.1|\[::1\]|fe80/.test(text)))
    const node = new TestNode(await coordinator.link(), 'x')
    assert.deepEqual(node.link.endpoints[0], { kind: 'url', url: 'https://weft.example' })
    assert.ok(node.link.endpoints.length <= 8)
  })

  it('answers at its control socket', async () => {
    await using coordinator = await TestCoordinator.start()
    const socket = join(coordinator.directory, 'coordinator.sock')
    const call = (method: string, params: object) => callControl(socket, method, params) as Promise<never>
    const made: { id: string; link: string } = await call('link-create', { reusable: true })
    await new TestNode(made.link, 'x').enter(coordinator.port)
    const { links }: { links: { id: string; uses: number }[] } = await call('link-list', {})
    assert.deepEqual([links[0]?.id, links[0]?.uses], [made.id, 1])
    const status: { devices: { name: string }[]; mesh: string } = await call('status', {})
    assert.deepEqual([status.mesh, status.devices[0]?.name], [coordinator.running.mesh, 'x'])
    assert.deepEqual(await call('link-revoke', { id: made.id }), {})
    await assert.rejects(call('link-revoke', { id: 'nothing' }), { code: 'not-found' })
    await assert.rejects(call('link-create', { reusable: 1 }), { code: 'bad-request' })
    await assert.rejects(call('link-create', { unknown: true }), { code: 'bad-request' })
    await assert.rejects(call('link-create', { tags: ['Not A Tag'] }), { code: 'bad-request' })
    await coordinator.stop()
    await assert.rejects(call('status', {}), { code: 'not-running' })
  })
})

async function isRefused(
  coordinator: TestCoordinator,
  code: CoordinatorErrorCode,
  message: RegExp,
  options: Parameters<TestCoordinator['start']>[0] = {},
): Promise<void> {
  const before = filesOf(coordinator.directory)
  const { directory } = coordinator
  await assert.rejects(
    startCoordinator({
      stateDirectory: directory,
      listen: { host: '127.0.0.1', port: 0 },
      logger: silentLogger,
      clock: systemClock,
      ...options,
    }),
    (error) => {
      assert.ok(error instanceof CoordinatorError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
      assert.ok(!error.message.includes('\n'))
      return true
    },
  )
  assert.deepEqual(filesOf(directory), before)
}

function filesOf(directory: string): Readonly<Record<string, string>> {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/-shm$|\.lock$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(path).toString('base64')]))
}
