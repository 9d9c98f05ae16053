import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { type IpAddress, toBase64 } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createRecord } from '@weft/identity'
import { backUpStopped, CoordinatorError, restoreBackup } from '../src/index.ts'
import { countRows } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { type TestChannel, TestNode } from './test-node.ts'

describe('a backup', () => {
  it('made while devices join is a whole mesh, for its owner only, with all that was acknowledged before', async () => {
    await using coordinator = await TestCoordinator.start()
    const link = await coordinator.link({ reusable: true })
    const before = [new TestNode(link, 'alice'), new TestNode(link, 'bob')]
    for (const node of before) await (await node.enter(coordinator.port)).close()
    const joining = Promise.all(
      Array.from({ length: 10 }, async (_, i) => (await new TestNode(link, `n${i}`).enter(coordinator.port)).close()),
    )
    const file = join(coordinator.directory, 'mesh.backup')
    await backUp(coordinator, file)
    await joining
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(
      readdirSync(coordinator.directory).filter((name) => name.includes('.tmp')),
      [],
    )

    await using second = new TestCoordinator()
    await restoreBackup(second.directory, file)
    await second.start()
    assert.deepEqual([second.running.mesh, second.running.range], [coordinator.running.mesh, coordinator.running.range])
    for (const node of before) {
      const channel = await node.connect(second.port)
      await node.subscribe(channel)
      assert.equal(channel.netmap?.self.address4, node.address4)
      await channel.close()
    }
  })

  it('of a coordinator that does not run is the same, and replaces an older one', async () => {
    await using coordinator = await TestCoordinator.start()
    const link = await coordinator.link({ reusable: true })
    await (await new TestNode(link, 'alice').enter(coordinator.port)).close()
    await coordinator.stop()
    const file = join(coordinator.directory, 'mesh.backup')
    writeFileSync(file, 'of yesterday')
    await backUpStopped(coordinator.directory, file)
    await using second = new TestCoordinator()
    await restoreBackup(second.directory, file)
    assert.equal(countRows(second.path, 'devices'), 1)
  })

  it('that cannot be written leaves the last one, and says why', async () => {
    await using coordinator = await TestCoordinator.start()
    await assert.rejects(backUp(coordinator, '/nowhere/mesh.backup'), /nowhere/)
    const folder = join(coordinator.directory, 'folder')
    mkdirSync(folder)
    await assert.rejects(backUp(coordinator, folder))
    assert.ok(statSync(folder).isDirectory())
    assert.deepEqual(
      readdirSync(coordinator.directory).filter((name) => name.includes('.tmp')),
      [],
    )
  })

  it('is restored only where no mesh is, and only when it is one', async () => {
    await using coordinator = await TestCoordinator.start()
    const file = join(coordinator.directory, 'mesh.backup')
    await backUp(coordinator, file)
    await coordinator.stop()
    await assert.rejects(restoreBackup(coordinator.directory, file), { code: 'mesh-present' })
    await using second = new TestCoordinator()
    await assert.rejects(restoreBackup(second.directory, coordinator.path), { code: 'database-foreign' })
    writeFileSync(join(second.directory, 'junk'), 'junk'.repeat(1000))
    await assert.rejects(restoreBackup(second.directory, join(second.directory, 'junk')), /corrupt|not a database/)
    await assert.rejects(restoreBackup(second.directory, '/nowhere'), { code: 'database-missing' })
    assert.ok(!existsSync(second.path))
    assert.deepEqual(readdirSync(join(second.directory, 'keys')), [])
  })

  it('that is damaged or newer is refused in one line that names it, and nothing is restored', async () => {
    await using coordinator = await TestCoordinator.start()
    const file = join(coordinator.directory, 'mesh.backup')
    await backUp(coordinator, file)
    const whole = readFileSync(file)
    await using second = new TestCoordinator()
    const isRefused = async (code: string, message: RegExp) => {
      const before = readFileSync(file)
      await assert.rejects(restoreBackup(second.directory, file), (error) => {
        assert.ok(error instanceof CoordinatorError, String(error))
        assert.equal(error.code, code, error.message)
        assert.ok(error.message.startsWith(file) && !error.message.includes('restoring'), error.message)
        assert.match(error.message, message)
        return true
      })
      assert.ok(readFileSync(file).equals(before))
      assert.deepEqual(readdirSync(second.directory).sort(), ['coordinator.lock', 'keys'])
    }
    writeFileSync(file, whole.fill(0xa5, 4096, 4296))
    await isRefused('database-corrupt', /^\S+ is corrupt \([^\n]+\), and nothing was restored: give another backup$/)
    writeFileSync(file, 'junk'.repeat(1000))
    await isRefused('database-corrupt', /^\S+ is corrupt \([^\n]+\), and nothing was restored: give another backup$/)
    await backUp(coordinator, file)
    change(file, 'pragma user_version = 99')
    await isRefused('database-newer', /newer weft, and nothing was restored: update weft first$/)
  })

  it('is refused where its keys are not those of its mesh, or those of another mesh would be lost', async () => {
    await using coordinator = await TestCoordinator.start()
    const file = join(coordinator.directory, 'mesh.backup')
    await using second = await TestCoordinator.start()
    await second.stop()
    const keys = () => readdirSync(join(second.directory, 'keys')).map((name) => readKey(second, name))
    const before = keys()
    rmSync(second.path)
    await backUp(coordinator, file)
    await assert.rejects(restoreBackup(second.directory, file), {
      code: 'mesh-present',
      message: /keys holds the keys of another mesh: move it away/,
    })
    assert.deepEqual(keys(), before)

    for (const damage of ["text = 'nonsense'", `text = '${readKey(second, 'root.key')}'`, "name = 'other.key'"]) {
      await backUp(coordinator, file)
      change(file, `update backup_keys set ${damage} where name = 'root.key'`)
      await using third = new TestCoordinator()
      await assert.rejects(restoreBackup(third.directory, file), (error) => {
        assert.ok(error instanceof CoordinatorError, String(error))
        assert.match(error.message, /^\S+mesh\.backup does not hold the keys of its mesh, and nothing was restored/)
        return true
      })
      assert.deepEqual(readdirSync(third.directory).sort(), ['coordinator.lock', 'keys'])
      assert.deepEqual(readdirSync(join(third.directory, 'keys')), [])
    }
  })

  it('leaves nothing of the keys in the database that is restored from it', async () => {
    await using coordinator = await TestCoordinator.start()
    const file = join(coordinator.directory, 'mesh.backup')
    await backUp(coordinator, file)
    const key = readFileSync(join(coordinator.directory, 'keys', 'root.key'), 'utf8').trim()
    assert.ok(readFileSync(file).includes(key))
    await using second = new TestCoordinator()
    await restoreBackup(second.directory, file)
    assert.ok(!readFileSync(second.path).includes(key))
    assert.equal(statSync(second.path).mode & 0o777, 0o600)
  })

  it('is not restored beside the log of a database that was moved away, and that log stays', async () => {
    await using coordinator = await TestCoordinator.start()
    const file = join(coordinator.directory, 'mesh.backup')
    await backUp(coordinator, file)
    await using second = new TestCoordinator()
    for (const suffix of ['-wal', '-journal']) {
      const left = `${second.path}${suffix}`
      copyFileSync(`${coordinator.path}-wal`, left)
      await assert.rejects(restoreBackup(second.directory, file), {
        code: 'database-missing',
        message: new RegExp(`^${left} holds what was written last to a .* that is not there: move it`),
      })
      assert.ok(readFileSync(left).equals(readFileSync(`${coordinator.path}-wal`)))
      rmSync(left)
    }
    await restoreBackup(second.directory, file)
  })

  it('is restored whole, whatever restores that were killed left behind', async (context) => {
    await using coordinator = await TestCoordinator.start()
    const alice = new TestNode(await coordinator.link(), 'alice')
    await (await alice.enter(coordinator.port)).close()
    const file = join(coordinator.directory, 'mesh.backup')
    await backUp(coordinator, file)
    const seen = new Set<string>()
    for (let event = 1; event <= KILLED_AFTER; event += KILL_STEP) {
      await using second = new TestCoordinator()
      await killedRestore(second.directory, file, event)
      for (const name of readdirSync(second.directory)) seen.add(name)
      if (existsSync(second.path)) await assert.rejects(restoreBackup(second.directory, file), { code: 'mesh-present' })
      else await restoreBackup(second.directory, file)
      assert.deepEqual(
        readdirSync(second.directory).filter((name) => name.includes('restoring')),
        [],
      )
      await second.start()
      await alice.subscribe(await alice.connect(second.port))
    }
    context.diagnostic(`left behind: ${[...seen].join(', ')}`)
    assert.ok(seen.has('coordinator.db.restoring'))

    await using second = new TestCoordinator()
    await using other = await TestCoordinator.start()
    for (const suffix of ['-wal', '-journal', '-shm', ''])
      copyFileSync(`${other.path}-wal`, `${second.path}.restoring${suffix}`)
    await restoreBackup(second.directory, file)
    await second.start()
    await alice.subscribe(await alice.connect(second.port))
  })
})

const IS_LONG = process.env.WEFT_LONG === '1'
/** Of what happens to files in the state directory. */
const KILLED_AFTER = 25
const KILL_STEP = IS_LONG ? 1 : 5

/** One that is killed once so much happened in the state directory; perhaps it is done before. */
async function killedRestore(directory: string, file: string, afterEvents: number): Promise<void> {
  let left = afterEvents
  const child = spawn(process.execPath, [join(import.meta.dirname, 'restore-process.ts'), directory, file])
  const watcher = watch(directory, () => --left === 0 && child.kill('SIGKILL'))
  await once(child, 'exit')
  watcher.close()
}

const readKey = ({ directory }: TestCoordinator, name: string): string =>
  readFileSync(join(directory, 'keys', name), 'utf8').trim()

function change(path: string, sql: string): void {
  using database = new DatabaseSync(path)
  database.exec(sql)
}

describe('a mesh that goes on from an older copy of its database', () => {
  it('is noticed by a node that holds more, and every node brings back what it knows of itself', async () => {
    await using mesh = await TestCoordinator.start()
    const link = await mesh.link({ reusable: true })
    const single = await mesh.link()
    const alice = new TestNode(link, 'alice')
    await (await alice.enter(mesh.port)).close()
    const file = join(mesh.directory, 'mesh.backup')
    await backUp(mesh, file)

    const carol = new TestNode(single, 'carol')
    const held = (await enterAndLeave(carol, mesh)).netmap
    const later = await mesh.link()
    const dave = new TestNode(later, 'dave')
    await enterAndLeave(dave, mesh)
    const toAlice = await alice.connect(mesh.port)
    await toAlice.request('rename', { device: 'alice', name: 'desktop' })
    await alice.subscribe(toAlice)
    const known = toAlice.netmap
    assert.ok(known && held)
    await goBackTo(mesh, file)

    const channel = await alice.connect(mesh.port)
    const { epoch, number } = known
    await assert.rejects(alice.subscribe(channel, { epoch, number }), { code: 'database-older' })
    assert.ok(mesh.log.some((line) => line.includes('older copy')))
    await bringBack(channel, alice, 'desktop')
    for (const node of [carol, dave]) {
      const again = await node.connect(mesh.port)
      await assert.rejects(node.subscribe(again), { code: 'not-registered' })
      await bringBack(again, node, node.hostName)
      await node.subscribe(again)
      assert.deepEqual([again.netmap?.self.name, again.netmap?.self.address4], [node.hostName, node.address4])
    }
    await alice.subscribe(channel)
    assert.equal(channel.netmap?.self.name, 'desktop')
    assert.deepEqual(channel.netmap?.peers.map(({ name }) => name).sort(), ['carol', 'dave'])
    await assert.rejects(new TestNode(single, 'eve').enter(mesh.port), { code: 'link-used' })
    await assert.rejects(new TestNode(later, 'eve').enter(mesh.port), { code: 'link-revoked' })
  })

  it('takes back a newer record, and nobody else by another', async () => {
    await using mesh = await TestCoordinator.start()
    const link = await mesh.link({ reusable: true })
    const alice = new TestNode(link, 'alice')
    const bob = new TestNode(link, 'bob')
    for (const node of [alice, bob]) await enterAndLeave(node, mesh)
    const file = join(mesh.directory, 'mesh.backup')
    await backUp(mesh, file)
    await mesh.stop()
    rmMesh(mesh)
    await restoreBackup(mesh.directory, file)
    await mesh.start()
    const channel = await alice.connect(mesh.port)
    const newer = createRecord(alice.keys, 2, crypto)
    await channel.request('bring-back', { ...proofOf(alice), record: toBase64(newer), name: 'alice' })
    await assert.rejects(
      channel.request('bring-back', { ...proofOf(alice), record: toBase64(alice.record), name: 'alice' }),
      { code: 'record-refused' },
    )
    await assert.rejects(channel.request('bring-back', { ...proofOf(bob), name: 'bob' }), { code: 'record-refused' })
    await assert.rejects(
      channel.request('bring-back', { ...proofOf(alice), chain: toBase64(bob.chain ?? new Uint8Array()), name: 'a' }),
      { code: 'certificate-refused' },
    )
  })

  it('is none where only a stranger says so: nobody comes in by bringing back', async () => {
    await using mesh = await TestCoordinator.start()
    const link = await mesh.link()
    const alice = new TestNode(link, 'alice')
    await enterAndLeave(alice, mesh)
    const eve = new TestNode(link, 'eve')
    const channel = await eve.connect(mesh.port)
    await assert.rejects(eve.subscribe(channel, { epoch: 'x', number: 1_000 }), { code: 'not-registered' })
    const proof = { ...proofOf(eve), chain: toBase64(alice.chain ?? new Uint8Array()) }
    await assert.rejects(channel.request('bring-back', { ...proof, name: 'eve' }), { code: 'not-registered' })
    assert.equal(countRows(mesh.path, 'devices'), 1)
  })
})

async function enterAndLeave(node: TestNode, { port }: TestCoordinator): Promise<TestChannel> {
  const channel = await node.enter(port)
  await channel.close()
  return channel
}

function proofOf(node: TestNode) {
  return {
    record: toBase64(node.record),
    chain: toBase64(node.chain ?? new Uint8Array(1)),
    address4: node.address4 ?? ('100.64.0.1' as IpAddress),
  }
}

async function bringBack(channel: TestChannel, node: TestNode, name: string): Promise<void> {
  await channel.request('bring-back', { ...proofOf(node), name })
}

async function backUp({ directory }: TestCoordinator, file: string): Promise<void> {
  await callControl(join(directory, 'coordinator.sock'), 'backup', { file })
}

/** As whoever copies files about would: the evidence has to come from the nodes. */
async function goBackTo(mesh: TestCoordinator, file: string): Promise<void> {
  await mesh.stop()
  rmMesh(mesh)
  await restoreBackup(mesh.directory, file)
  change(mesh.path, 'update mesh set copied = null')
  await mesh.start()
}

function rmMesh({ directory, path }: TestCoordinator): void {
  for (const gone of [path, `${path}-wal`, `${path}-shm`, join(directory, 'keys')])
    rmSync(gone, { recursive: true, force: true })
}
