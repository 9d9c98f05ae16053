import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type IpAddress, toBase64 } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createRecord } from '@weft/identity'
import { backUpStopped, restoreBackup } from '../src/index.ts'
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
})

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
  const { DatabaseSync } = await import('node:sqlite')
  using database = new DatabaseSync(mesh.path)
  database.exec('update mesh set copied = null')
  await mesh.start()
}

function rmMesh({ directory, path }: TestCoordinator): void {
  for (const gone of [path, `${path}-wal`, `${path}-shm`, join(directory, 'keys')])
    rmSync(gone, { recursive: true, force: true })
}
