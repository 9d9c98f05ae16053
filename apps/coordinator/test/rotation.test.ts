import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toBase64 } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createRecord, generateNodeKeys } from '@weft/identity'
import { TestCoordinator } from './test-coordinator.ts'
import { TestNode } from './test-node.ts'

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
