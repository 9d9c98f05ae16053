import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fromBase64, invariant, toBase64, wallTime } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { nativeCrypto as crypto } from '@weft/crypto'
import {
  chainKeys,
  createRevocation,
  MAX_REVOCATIONS,
  type RevocableKey,
  RevocationList,
  readRevocation,
} from '@weft/identity'
import { PrivateKey } from '@weft/keys'
import { Store } from '@weft/storage'
import * as z from 'zod'
import { restoreBackup } from '../src/index.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { type TestChannel, TestNode } from './test-node.ts'

const YEAR = 365 * 86_400
const secondsNow = () => Math.floor(Date.now() / 1000)

describe('a device that is removed', () => {
  it('is revoked before the answer, and everybody is told, itself before its channel is closed', async () => {
    await using mesh = await Mesh.enter()
    const { laptop, phone, nas } = mesh
    await laptop.request('remove', { device: 'nas' })
    assert.equal(await nas.closed, 1001)
    const removed = JSON.parse(nas.texts.at(-1) ?? '')
    assert.equal(removed.type, 'removed')
    for (const channel of [laptop, phone]) {
      await channel.until(() => channel.netmap?.revocations?.length === 1)
      assert.deepEqual(channel.netmap?.revocations, [removed.revocation])
      assert.deepEqual(channel.changes.at(-1)?.remove, [mesh.nasNode.id], 'it goes with the change that removes it')
    }
    const revocation = readRevocation(bytesOf(removed.revocation), mesh.id, crypto)
    assert.equal(revocation.revoked, mesh.nasNode.keys.identity.publicKey(crypto))
    assert.equal(revocation.issuer, chainKeys(mesh.nasNode.chain ?? new Uint8Array()).accountKey)
    assert.ok(Math.abs(revocation.keptUntil - secondsNow() - 10 * YEAR) < 86_400, 'until its certificate ends')
  })

  it('is told by revocation when it comes again, and by whatever link it joins it is refused', async () => {
    await using mesh = await Mesh.enter()
    await mesh.laptop.request('remove', { device: 'nas' })
    const again = await mesh.nasNode.connect(mesh.port)
    await assert.rejects(mesh.nasNode.subscribe(again), { code: 'not-registered' })
    assert.ok(again.texts.some((text) => text.startsWith('{"type":"removed"')))
    await assert.rejects(mesh.nasNode.join(again), { code: 'link-used' })
    const fresh = new TestNode(await mesh.coordinator.link(), 'nas', mesh.nasNode.keys)
    await assert.rejects(fresh.join(again), { code: 'certificate-refused' })
    await again.close()
    const other = new TestNode(await mesh.coordinator.link(), 'nas')
    await (await other.enter(mesh.port)).close()
    assert.equal(other.name, 'nas')
  })

  it('is known to whoever was away meanwhile, or joins later, also after a restart', async () => {
    await using mesh = await Mesh.enter()
    const held = mesh.phone.netmap
    assert.ok(held)
    await mesh.phone.close()
    await mesh.laptop.request('remove', { device: 'nas' })
    await mesh.coordinator.stop()
    await mesh.coordinator.start()
    const back = await mesh.phoneNode.connect(mesh.port)
    await mesh.phoneNode.subscribe(back, { epoch: held.epoch, number: held.number })
    assert.equal(back.netmap?.revocations?.length, 1)
    const later = await new TestNode(await mesh.coordinator.link(), 'later').enter(mesh.port)
    assert.deepEqual(later.netmap?.revocations, back.netmap?.revocations)
    for (const channel of [back, later]) await channel.close()
  })

  it('is forgotten once its certificate has ended', async () => {
    await using mesh = await Mesh.enter()
    await mesh.laptop.request('remove', { device: 'nas' })
    assert.equal((await rowsOf(mesh)).length, 1)
    mesh.coordinator.wallShift = 11 * YEAR * 1000
    await mesh.coordinator.stop()
    await mesh.coordinator.start()
    assert.deepEqual(await rowsOf(mesh), [])
  })
})

describe('a mesh that goes on from an older copy of its database', () => {
  it('takes back what was revoked since, and does not let the removed device in', async () => {
    await using mesh = await Mesh.enter()
    const file = join(mesh.coordinator.directory, 'mesh.backup')
    await callControl(join(mesh.coordinator.directory, 'coordinator.sock'), 'backup', { file })
    const late = new TestNode(await mesh.coordinator.link({ reusable: true }), 'late')
    await (await late.enter(mesh.port)).close()
    await mesh.laptop.request('remove', { device: 'nas' })
    await mesh.laptop.request('remove', { device: 'late' })
    await mesh.laptop.until(() => mesh.laptop.netmap?.revocations?.length === 2)
    const { revocations, epoch, number } = mesh.laptop.netmap ?? assert.fail()
    await mesh.goBackTo(file)

    // The thief is faster than everybody else.
    const toLate = await late.connect(mesh.port)
    const proof = { record: toBase64(late.record), chain: toBase64(late.chain ?? new Uint8Array()) }
    await toLate.request('bring-back', { ...proof, name: 'late', address4: late.address4 ?? assert.fail() })
    await late.subscribe(toLate)
    const toNas = await mesh.nasNode.connect(mesh.port)
    await mesh.nasNode.subscribe(toNas)

    const laptop = await mesh.laptopNode.connect(mesh.port)
    await assert.rejects(mesh.laptopNode.subscribe(laptop, { epoch, number }), { code: 'database-older' })
    await laptop.request('revoke', { revocations: revocations ?? [] })
    for (const channel of [toLate, toNas]) {
      assert.equal(await channel.closed, 1001)
      assert.ok(channel.texts.at(-1)?.startsWith('{"type":"removed"'))
    }
    await mesh.laptopNode.subscribe(laptop)
    assert.deepEqual(
      laptop.netmap?.peers.map(({ name }) => name),
      ['phone'],
    )
    const again = await late.connect(mesh.port)
    const wish = { ...proof, name: 'late', address4: late.address4 ?? assert.fail() }
    await assert.rejects(again.request('bring-back', wish), { code: 'certificate-refused' })
    for (const channel of [again, laptop]) await channel.close()
  })
})

describe('a revocation that was signed elsewhere', () => {
  it('by the root, of a join link: removes every device that came by it, and the link lets nobody in', async () => {
    await using mesh = await Mesh.enter()
    const link = await mesh.coordinator.link({ reusable: true })
    const two = [new TestNode(link, 'one'), new TestNode(link, 'two')]
    const channels = await Promise.all(two.map((node) => node.enter(mesh.port)))
    const linkKey = two[0]?.link.seed.publicKey(crypto) ?? assert.fail()
    const bytes = mesh.revokedByRoot(linkKey)
    const ask = (revocation: string) =>
      callControl(join(mesh.coordinator.directory, 'coordinator.sock'), 'revoke', { revocation })
    await ask(toBase64(bytes))
    for (const channel of channels) assert.equal(await channel.closed, 1001)
    await mesh.laptop.until(() => mesh.laptop.netmap?.revocations?.length === 1)
    assert.deepEqual(mesh.laptop.netmap?.peers.map(({ name }) => name).sort(), ['nas', 'phone'])
    await assert.rejects(new TestNode(link, 'three').enter(mesh.port), { code: 'certificate-refused' })
    const { number } = mesh.laptop.netmap ?? {}
    await ask(toBase64(bytes))
    await mesh.laptop.request('rename', { device: 'phone', name: 'handy' })
    await mesh.laptop.until(() => mesh.laptop.netmap?.peers.some(({ name }) => name === 'handy') ?? false)
    assert.equal(mesh.laptop.netmap?.number, (number ?? 0) + 1, 'what is known already changes nothing')
  })

  it('that does not hold changes nothing, though one beside it would', async () => {
    await using mesh = await Mesh.enter()
    const good = mesh.revokedByRoot(mesh.nasNode.keys.identity.publicKey(crypto))
    const forged = good.slice()
    forged[40] = (forged[40] ?? 0) ^ 1
    const eve = PrivateKey.generate('root', { fill: (bytes) => void bytes.fill(7) })
    const foreign = createRevocation(fieldsOf(mesh.nasNode.keys.identity.publicKey(crypto)), { key: eve }, crypto)
    for (const bad of [forged, foreign, new Uint8Array(200)])
      await assert.rejects(mesh.laptop.request('revoke', { revocations: [good, bad].map(toBase64) }), {
        code: 'certificate-refused',
      })
    await mesh.nas.request('publish', { endpoints: [] })
    assert.deepEqual(await rowsOf(mesh), [])
  })

  it('is taken from devices of the mesh only', async () => {
    await using mesh = await Mesh.enter()
    const stranger = await new TestNode(await mesh.coordinator.link(), 'stranger').connect(mesh.port)
    const revocations = [toBase64(mesh.revokedByRoot(mesh.nasNode.keys.identity.publicKey(crypto)))]
    await assert.rejects(stranger.request('revoke', { revocations }), { code: 'not-registered' })
    await stranger.close()
    assert.deepEqual(await rowsOf(mesh), [])
  })

  it('is refused when nodes would not remember it', async () => {
    await using mesh = await Mesh.enter()
    const full = {
      countRevocations: async () => MAX_REVOCATIONS,
      removeRevocations: async () => undefined,
      revocationsOf: async () => [],
    }
    const { takeRevocations } = await import('../src/revoking.ts')
    const place = { mesh: mesh.id, crypto, at: wallTime(Date.now()) }
    const bytes = mesh.revokedByRoot(mesh.nasNode.keys.identity.publicKey(crypto))
    await assert.rejects(takeRevocations(full as never, [bytes], place), { code: 'busy' })
  })
})

describe('a node of version 1', () => {
  it('is told what version 1 has, and nothing else, while devices are removed', async () => {
    await using mesh = await Mesh.enter()
    const old = new TestNode(await mesh.coordinator.link(), 'old')
    old.version = 1
    const channel = await old.enter(mesh.port)
    await mesh.laptop.request('remove', { device: 'nas' })
    await channel.until(() => channel.netmap?.peers.length === 2)
    const held = channel.netmap ?? assert.fail()
    await channel.close()
    await mesh.laptop.request('rename', { device: 'phone', name: 'handy' })
    const spare = new TestNode(await mesh.coordinator.link(), 'spare')
    await (await spare.enter(mesh.port)).close()
    const back = await old.connect(mesh.port)
    await old.subscribe(back, { epoch: held.epoch, number: held.number })
    assert.ok(back.netmap?.peers.some(({ name }) => name === 'handy'))
    const { name } = await back.request('remove', { device: 'spare' })
    assert.equal(name, 'spare')
    await mesh.laptop.request('remove', { device: 'old' })
    await back.closed
    const again = await old.connect(mesh.port)
    await assert.rejects(old.subscribe(again), { code: 'not-registered' })
    await again.close()
    for (const text of [channel, back, again].flatMap(({ texts }) => texts)) {
      version1.parse(JSON.parse(text))
      assert.ok(!/"(?:relays|records)"/.test(text), 'nor what one of before relays and records would refuse')
    }
  })

  it('is told of records where there are some', async () => {
    await using mesh = await Mesh.enter()
    const old = new TestNode(await mesh.coordinator.link(), 'old')
    old.version = 1
    const channel = await old.enter(mesh.port)
    await mesh.laptop.request('name-add', { name: 'git', type: 'A', value: '192.0.2.1' })
    await channel.until(() => channel.netmap?.records?.length === 1)
    for (const text of channel.texts) version1.parse(JSON.parse(text))
    await channel.close()
  })
})

const version1 = z.fromJSONSchema(
  JSON.parse(
    readFileSync(
      join(import.meta.dirname, '../../../packages/coordinator-protocol/test/fixtures/messages-version-1.json'),
      'utf8',
    ),
  ).fromCoordinator,
)

function fieldsOf(revoked: RevocableKey) {
  return { revoked, signedAt: secondsNow(), keptUntil: secondsNow() + YEAR }
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'base64')
  return bytes
}

/** The coordinator is stopped for it. */
async function rowsOf(mesh: Mesh) {
  const isRunning = mesh.coordinator.log.length > 0
  invariant(isRunning, 'it ran')
  await mesh.coordinator.stop()
  const store = await Store.open(mesh.coordinator.path)
  const rows = await store.transaction((transaction) => transaction.revocations())
  await store.close()
  const list = new RevocationList(mesh.id, crypto)
  for (const { bytes } of rows) assert.equal(list.add(bytes, wallTime(Date.now())), 'new')
  return rows
}

/** A coordinator with a laptop, a phone and a nas, all there. */
class Mesh {
  readonly coordinator: TestCoordinator
  readonly laptopNode: TestNode
  readonly phoneNode: TestNode
  readonly nasNode: TestNode
  readonly laptop: TestChannel
  readonly phone: TestChannel
  readonly nas: TestChannel

  private constructor(
    coordinator: TestCoordinator,
    nodes: readonly [TestNode, TestNode, TestNode],
    channels: readonly [TestChannel, TestChannel, TestChannel],
  ) {
    this.coordinator = coordinator
    ;[this.laptopNode, this.phoneNode, this.nasNode] = nodes
    ;[this.laptop, this.phone, this.nas] = channels
  }

  static async enter(): Promise<Mesh> {
    const coordinator = await TestCoordinator.start()
    const enter = async (name: string) => {
      const node = new TestNode(await coordinator.link(), name)
      return [node, await node.enter(coordinator.port)] as const
    }
    const [laptopNode, laptop] = await enter('laptop')
    const [phoneNode, phone] = await enter('phone')
    const [nasNode, nas] = await enter('nas')
    for (const channel of [laptop, phone])
      await channel.until(() => channel.netmap?.peers.filter(({ online }) => online).length === 2)
    return new Mesh(coordinator, [laptopNode, phoneNode, nasNode], [laptop, phone, nas])
  }

  get port(): number {
    return this.coordinator.port
  }

  get id() {
    return this.laptopNode.link.mesh
  }

  /** As if it was signed where the root's key is kept. */
  revokedByRoot(revoked: RevocableKey): Uint8Array {
    const text = readFileSync(join(this.coordinator.directory, 'keys', 'root.key'), 'utf8').trim()
    return createRevocation(fieldsOf(revoked), { key: new PrivateKey('root', bytesOf(text)) }, crypto)
  }

  async goBackTo(backup: string): Promise<void> {
    await this.coordinator.stop()
    for (const name of ['coordinator.db', 'coordinator.db-wal', 'coordinator.db-shm', 'keys'])
      rmSync(join(this.coordinator.directory, name), { recursive: true, force: true })
    await restoreBackup(this.coordinator.directory, backup)
    await this.coordinator.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.coordinator[Symbol.asyncDispose]()
  }
}
