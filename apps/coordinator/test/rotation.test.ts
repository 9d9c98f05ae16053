import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { toBase64, wallTime } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createRecord, generateNodeKeys } from '@weft/identity'
import { WebSocket } from 'ws'
import { TestCoordinator } from './test-coordinator.ts'
import { TestChannel, TestNode } from './test-node.ts'

describe('a device that publishes a record with another channel key', () => {
  it('is answered, and its peers are told; then the channel of the old key is closed', async () => {
    await using mesh = await TwoDevices.enter()
    await mesh.nas.request('publish', { endpoints: [], record: mesh.nextRecord })
    await mesh.nas.closed
    await mesh.laptop.until(() => mesh.laptop.netmap?.peers[0]?.record === mesh.nextRecord)
  })

  it('comes back by the new key, and nobody by the old one', async () => {
    await using mesh = await TwoDevices.enter()
    await mesh.nas.request('publish', { endpoints: [], record: mesh.nextRecord })
    await mesh.nas.closed
    const thief = await mesh.nasNode.connect(mesh.coordinator.port)
    await assert.rejects(mesh.nasNode.subscribe(thief), { code: 'not-registered' })
    await assert.rejects(thief.request('publish', { endpoints: [] }), { code: 'not-registered' })
    await assert.rejects(thief.request('link-list', {}), { code: 'not-registered' })
    await thief.close()
    const back = await mesh.rotated.connect(mesh.coordinator.port)
    await mesh.rotated.subscribe(back)
    assert.equal(back.netmap?.self.name, 'nas')
    await back.close()
  })

  it('throws out who has stolen the old key and is subscribed by it', async () => {
    await using mesh = await TwoDevices.enter()
    const thief = await mesh.nasNode.connect(mesh.coordinator.port)
    await mesh.nasNode.subscribe(thief)
    await mesh.nas.closed
    const again = await mesh.nasNode.connect(mesh.coordinator.port)
    await again.request('publish', { endpoints: [], record: mesh.nextRecord })
    await thief.closed
    await again.close()
  })

  it('asks again with the same record without harm, and an older one is refused', async () => {
    await using mesh = await TwoDevices.enter()
    await mesh.nas.request('publish', { endpoints: [], record: mesh.nextRecord })
    const back = await mesh.rotated.connect(mesh.coordinator.port)
    await back.request('publish', { endpoints: [], record: mesh.nextRecord })
    const older = toBase64(createRecord(mesh.nasNode.keys, 1, crypto))
    await assert.rejects(back.request('publish', { endpoints: [], record: older }), { code: 'record-refused' })
    await back.close()
  })
})

/** Laptop and nas, both subscribed, and the nas as it will be with new keys. */
class TwoDevices {
  readonly coordinator: TestCoordinator
  readonly nasNode: TestNode
  readonly laptop: Awaited<ReturnType<TestNode['enter']>>
  readonly nas: Awaited<ReturnType<TestNode['enter']>>
  readonly rotated: TestNode
  readonly nextRecord: string

  private constructor(
    coordinator: TestCoordinator,
    nasNode: TestNode,
    channels: Pick<TwoDevices, 'laptop' | 'nas'>,
    link: string,
  ) {
    this.coordinator = coordinator
    this.nasNode = nasNode
    this.laptop = channels.laptop
    this.nas = channels.nas
    const keys = { ...generateNodeKeys(random), identity: nasNode.keys.identity }
    this.rotated = new TestNode(link, 'nas', keys)
    this.nextRecord = toBase64(createRecord(keys, 2, crypto))
  }

  static async enter(): Promise<TwoDevices> {
    const coordinator = await TestCoordinator.start()
    const link = await coordinator.link({ reusable: true })
    const nasNode = new TestNode(link, 'nas')
    const laptop = await new TestNode(link, 'laptop').enter(coordinator.port)
    const nas = await nasNode.enter(coordinator.port)
    await laptop.until(() => laptop.netmap?.peers.length === 1)
    return new TwoDevices(coordinator, nasNode, { laptop, nas }, link)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.laptop.close()
    await this.nas.close()
    await this.coordinator[Symbol.asyncDispose]()
  }
}

describe('the channel key of the coordinator', () => {
  it('is another one each day and with each start, and lies in no file', async () => {
    await using coordinator = await TestCoordinator.start()
    const first = await shownKey(coordinator)
    assert.equal(await shownKey(coordinator), first, 'the same on one day')
    coordinator.wallShift = DAY_MS
    const second = await shownKey(coordinator)
    assert.notEqual(second, first)
    await coordinator.stop()
    await coordinator.start()
    assert.notEqual(await shownKey(coordinator), second)
    assert.deepEqual(
      readdirSync(join(coordinator.directory, 'keys')).filter((name) => name.startsWith('channel')),
      [],
    )
  })

  it('changes under no channel that is open', async () => {
    await using mesh = await TwoDevices.enter()
    mesh.coordinator.wallShift = DAY_MS
    await shownKey(mesh.coordinator)
    await mesh.laptop.request('rename', { device: 'nas', name: 'attic' })
    await mesh.nas.until(() => mesh.nas.netmap?.self.name === 'attic')
  })

  it('need not be known to a node that was away for a year', async () => {
    await using coordinator = await TestCoordinator.start()
    const node = new TestNode(await coordinator.link(), 'nas')
    await (await node.enter(coordinator.port)).close()
    coordinator.wallShift = 365 * DAY_MS
    const at = wallTime(Date.now() + coordinator.wallShift)
    const url = `ws://127.0.0.1:${coordinator.port}/v1/channel`
    const channel = await TestChannel.open(url, node.keys, node.link.coordinatorKey, { at })
    await node.subscribe(channel)
    assert.equal(channel.netmap?.self.name, 'nas')
    await channel.close()
  })

  it('of an earlier version is taken away at the next start', async () => {
    await using coordinator = await TestCoordinator.start()
    await coordinator.stop()
    const file = join(coordinator.directory, 'keys', 'channel.key')
    writeFileSync(file, `${toBase64(new Uint8Array(32).fill(7))}\n`, { mode: 0o600 })
    await coordinator.start()
    assert.equal(existsSync(file), false)
  })
})

const DAY_MS = 86_400_000

/** What the coordinator sends first to whoever connects. */
async function shownKey(coordinator: TestCoordinator): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${coordinator.port}/v1/channel`, 'weft.channel.1')
  const [certificate] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return certificate.subarray(1, 33).toString('base64')
}
