import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callControl } from '@weft/control-socket'
import type { ErrorCode, Method, Params } from '@weft/coordinator-protocol'
import { TestCoordinator } from './test-coordinator.ts'
import { Refused, type TestChannel, TestNode } from './test-node.ts'

describe('names', () => {
  it('are given anew at will, told to all, and what was is free again', async () => {
    await using mesh = await TwoDevices.enter()
    const { laptop, nas } = mesh
    assert.deepEqual(await laptop.request('rename', { device: 'nas', name: 'Attic' }), {
      id: mesh.nasNode.id,
      name: 'attic',
      before: 'nas',
    })
    await nas.until(() => nas.netmap?.self.name === 'attic')
    await laptop.until(() => laptop.netmap?.peers[0]?.name === 'attic')
    const { id, address4 } = mesh.nasNode
    for (const device of ['ATTIC', 'attic.weft', 'photos.attic.weft.', id, id.toUpperCase(), String(address4)])
      await laptop.request('rename', { device, name: 'attic' })
    await laptop.request('rename', { device: 'laptop', name: 'nas' })
    await laptop.until(() => laptop.netmap?.self.name === 'nas')
  })

  it('are refused where they are none, are in use, or could be taken for others, and nothing changes', async () => {
    await using mesh = await TwoDevices.enter()
    for (const name of ['git.weft', 'laptop2.weft'])
      await mesh.laptop.request('name-add', { name, type: 'A', value: '192.0.2.1' })
    await mesh.laptop.until(() => mesh.laptop.netmap?.peers[0]?.online === true)
    const number = mesh.laptop.netmap?.number
    for (const [name, code, why] of [
      ['nas', 'name-taken', /nas-2 is free/],
      ['git', 'name-taken', /git is taken/],
      ['my laptop', 'name-refused', /spaces/],
      ['laptop.example.com', 'name-refused', /dots/],
      ['a'.repeat(64), 'name-refused', /too long/],
      ['nаs', 'name-refused', /scripts/],
      ['💻', 'name-refused', /neither/],
      ['localhost', 'name-refused', /something else/],
      ['1aptop2', 'name-refused', /taken for laptop2/],
      ['сору', 'name-refused', /taken for copy/],
      ['na5-', 'name-refused', /hyphen/],
    ] as const)
      await mesh.isRefused('rename', { device: 'laptop', name }, code, why)
    await mesh.isRefused('rename', { device: 'nobody', name: 'x' }, 'not-found', /no device nobody/)
    await mesh.laptop.until(() => mesh.laptop.netmap?.records?.length === 2)
    assert.ok((mesh.laptop.netmap?.number ?? 0) - (number ?? 0) <= 2)
    assert.equal(mesh.laptop.netmap?.self.name, 'laptop')
  })

  it('of other letters than ours are kept as DNS has them', async () => {
    await using mesh = await TwoDevices.enter()
    assert.equal((await mesh.laptop.request('rename', { device: 'nas', name: 'Bücher' })).name, 'xn--bcher-kva')
    await mesh.isRefused(
      'rename',
      { device: 'laptop', name: 'bücher' },
      'name-taken',
      /bücher is taken; bücher-2 is free/,
    )
    assert.equal((await mesh.laptop.request('rename', { device: 'bücher.weft', name: 'nas' })).before, 'xn--bcher-kva')
  })

  it('at a join are free, and not to be taken for one that is there', async () => {
    await using mesh = await TwoDevices.enter()
    await mesh.laptop.request('name-add', { name: 'git.weft', type: 'A', value: '192.0.2.1' })
    for (const [hostName, name] of [
      ['nas', 'nas-2'],
      ['1aptop', '1aptop-2'],
      ['gіt', 'gt'],
      ['g1t', 'g1t'],
      ['Jürgens-Laptop', 'jurgens-laptop'],
      ['ноутбук', 'xn--90asheufc'],
      ['ноутбук', 'xn---2-9kc0bng2ahc'],
    ] as const) {
      const node = new TestNode(await mesh.coordinator.link(), hostName)
      await (await node.enter(mesh.coordinator.port)).close()
      assert.equal(node.name, name)
    }
  })
})

describe('a device that is removed', () => {
  it('leaves every netmap, its channel is closed, and it is not let in again', async () => {
    await using mesh = await TwoDevices.enter()
    assert.deepEqual(await mesh.laptop.request('remove', { device: 'nas' }), {
      id: mesh.nasNode.id,
      name: 'nas',
      revoked: true,
    })
    await mesh.nas.closed
    await mesh.laptop.until(() => mesh.laptop.netmap?.peers.length === 0)
    const again = await mesh.nasNode.connect(mesh.coordinator.port)
    await assert.rejects(mesh.nasNode.subscribe(again), { code: 'not-registered' })
    await again.close()
    await mesh.isRefused('remove', { device: 'nas' }, 'not-found', /no device/)
  })

  it('is gone also for who was away meanwhile, and after a restart', async () => {
    await using mesh = await TwoDevices.enter()
    const held = mesh.nas.netmap
    assert.ok(held !== undefined)
    await mesh.nas.close()
    const third = new TestNode(await mesh.coordinator.link(), 'third')
    const channel = await third.enter(mesh.coordinator.port)
    await channel.request('remove', { device: 'laptop' })
    await channel.close()
    await mesh.coordinator.stop()
    await mesh.coordinator.start()
    const back = await mesh.nasNode.connect(mesh.coordinator.port)
    await mesh.nasNode.subscribe(back, { epoch: held.epoch, number: held.number })
    assert.deepEqual(
      back.netmap?.peers.map(({ name }) => name),
      ['third'],
    )
    await back.close()
  })
})

describe("the mesh's own records", () => {
  it('are added, listed, told to all, also to who comes later, and removed', async () => {
    await using mesh = await TwoDevices.enter()
    const { laptop, nas } = mesh
    const wishes: readonly Params<'name-add'>[] = [
      { name: 'git.weft', type: 'A', value: '192.0.2.1' },
      { name: 'GIT.weft.', type: 'AAAA', value: '2001:DB8::1' },
      { name: 'www', type: 'CNAME', value: 'nas.weft' },
      { name: '_acme-challenge.www2.weft', type: 'TXT', value: 'token' },
    ]
    for (const wish of wishes) await laptop.request('name-add', wish)
    await laptop.request('name-add', wishes[0] ?? assert.fail())
    const { records } = await laptop.request('name-list', {})
    assert.deepEqual(
      records.map(({ name, type, value }) => `${name} ${type} ${value}`),
      ['_acme-challenge.www2 TXT token', 'git A 192.0.2.1', 'git AAAA 2001:db8::1', 'www CNAME nas.weft'],
    )
    await nas.until(() => nas.netmap?.records?.length === 4)
    const held = nas.netmap
    await nas.close()
    assert.equal((await laptop.request('name-remove', { name: 'git', type: 'A' })).records.length, 1)
    assert.equal((await laptop.request('name-remove', { name: 'www.weft' })).records.length, 1)
    const back = await mesh.nasNode.connect(mesh.coordinator.port)
    back.netmap = held
    await mesh.nasNode.subscribe(back, { epoch: held?.epoch ?? '', number: held?.number ?? 0 })
    assert.deepEqual(
      back.netmap?.records?.map(({ type }) => type),
      ['TXT', 'AAAA'],
    )
    await back.close()
  })

  it('are refused where they are none, or are not ours to give', async () => {
    await using mesh = await TwoDevices.enter()
    await mesh.laptop.request('name-add', { name: 'git', type: 'A', value: '192.0.2.1' })
    for (const [name, type, value, code, why] of [
      ['git.example.com', 'A', '192.0.2.1', 'name-refused', /end in \.weft/],
      ['weft', 'A', '192.0.2.1', 'name-refused', /mesh itself/],
      ['nas.weft', 'A', '192.0.2.1', 'name-taken', /is a device/],
      ['photos.nas.weft', 'A', '192.0.2.1', 'name-taken', /is a device/],
      ['dns.weft', 'A', '192.0.2.1', 'name-refused', /something else/],
      ['1aptop.weft', 'A', '192.0.2.1', 'name-refused', /taken for the device laptop/],
      ['a b.weft', 'A', '192.0.2.1', 'name-refused', /spaces/],
      ['web.weft', 'A', '192.0.2', 'name-refused', /IPv4 address is wanted/],
      ['web.weft', 'AAAA', '192.0.2.1', 'name-refused', /IPv6 address is wanted/],
      ['web.weft', 'CNAME', 'no name', 'name-refused', /spaces/],
      ['web.weft', 'TXT', 'ü'.repeat(128), 'name-refused', /255 bytes/],
      ['git.weft', 'CNAME', 'example.com', 'name-taken', /stands alone/],
    ] as const)
      await mesh.isRefused('name-add', { name, type, value }, code, why)
    await mesh.isRefused('name-remove', { name: 'web' }, 'not-found', /no such record/)
  })

  it('keep a device that joins from their name', async () => {
    await using mesh = await TwoDevices.enter()
    await mesh.laptop.request('name-add', { name: 'git', type: 'A', value: '192.0.2.1' })
    const node = new TestNode(await mesh.coordinator.link(), 'git')
    await (await node.enter(mesh.coordinator.port)).close()
    assert.equal(node.name, 'git-2')
  })

  it('are kept by the coordinator’s own socket, too', async () => {
    await using mesh = await TwoDevices.enter()
    const ask = (method: string, params: object) =>
      callControl(`${mesh.coordinator.directory}/coordinator.sock`, method, params)
    await ask('name-add', { name: 'git', type: 'A', value: '192.0.2.1' })
    await ask('rename', { device: 'nas', name: 'attic' })
    await ask('remove', { device: 'attic' })
    assert.deepEqual(await ask('name-remove', { name: 'git' }), {
      records: [{ name: 'git', type: 'A', value: '192.0.2.1' }],
    })
    assert.deepEqual(await ask('name-list', {}), { domain: 'weft', records: [] })
    await assert.rejects(ask('rename', { device: 'laptop', name: '.' }), { code: 'name-refused' })
  })
})

/** A coordinator with a laptop and a nas, both there. */
class TwoDevices {
  readonly coordinator: TestCoordinator
  readonly laptop: TestChannel
  readonly nas: TestChannel
  readonly nasNode: TestNode

  private constructor(coordinator: TestCoordinator, laptop: TestChannel, nas: TestChannel, nasNode: TestNode) {
    this.coordinator = coordinator
    this.laptop = laptop
    this.nas = nas
    this.nasNode = nasNode
  }

  static async enter(): Promise<TwoDevices> {
    const coordinator = await TestCoordinator.start()
    const link = await coordinator.link({ reusable: true })
    const laptop = await new TestNode(link, 'laptop').enter(coordinator.port)
    const nasNode = new TestNode(link, 'nas')
    const nas = await nasNode.enter(coordinator.port)
    await laptop.until(() => laptop.netmap?.peers.length === 1)
    return new TwoDevices(coordinator, laptop, nas, nasNode)
  }

  async isRefused<M extends Method>(method: M, params: Params<M>, code: ErrorCode, why: RegExp): Promise<void> {
    await assert.rejects(this.laptop.request(method, params), (error) => {
      assert.ok(error instanceof Refused)
      assert.deepEqual(
        [error.code, why.test(error.message)],
        [code, true],
        `${JSON.stringify(params)}: ${error.message}`,
      )
      return true
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.coordinator[Symbol.asyncDispose]()
  }
}
