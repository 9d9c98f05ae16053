import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { instant, type Now, wallTime } from '@weft/base'
import { INCOMPLETE, mergeNetmap, type Netmap, type NetmapChange } from '@weft/coordinator-protocol'
import type { DeviceRow } from '@weft/storage'
import { applyChange, type MeshState } from '../src/mesh-state.ts'
import { NetmapFeed } from '../src/netmap-feed.ts'
import { nodeOf, ofOtherAccount, someDevice, someState } from './device-rows.ts'

describe('the feed', () => {
  it('tells a subscriber its netmap: itself, the others of its account, and who may reach it', () => {
    const mesh = new Mesh(someState(7, [someDevice(1), someDevice(2), someDevice(3, ofOtherAccount)]))
    const netmap = mesh.subscribe(1, 1)[0] as Netmap
    assert.deepEqual([netmap.type, netmap.number, netmap.epoch], ['netmap', 7, 'e1'])
    assert.deepEqual(netmap.self, { id: nodeOf(1), name: 'n1', owner: 'owner a', address4: '100.64.0.1' })
    assert.deepEqual(
      netmap.peers.map((peer) => peer.id),
      [nodeOf(2)],
    )
    assert.deepEqual(netmap.grants, [{ reason: 'own devices', account: 'a'.repeat(32), protocol: 'any' }])
  })

  it('gathers changes for 20 ms from the first one on, and tells them at once', () => {
    const mesh = new Mesh(someState(1, [someDevice(1), someDevice(2), someDevice(3)]))
    mesh.subscribe(1, 1)
    mesh.at(100).change(2, someDevice(2, { online: true }))
    mesh.at(110).change(3, someDevice(3, { online: true }))
    mesh.at(115).change(4, someDevice(2, { online: false }))
    assert.equal(mesh.feed.nextTimeout(), 120)
    assert.deepEqual(mesh.at(119).told(), [])
    const [{ subscriber, message }] = mesh.at(120).told() as [Told]
    const change = message as NetmapChange
    assert.deepEqual([subscriber, change.from, change.number], [1, 1, 4])
    assert.deepEqual(
      change.upsert.map((peer) => [peer.id, peer.online]),
      [
        [nodeOf(2), false],
        [nodeOf(3), true],
      ],
    )
    assert.equal(mesh.feed.nextTimeout(), undefined)
    assert.deepEqual(mesh.at(1_000).told(), [])
  })

  it('tells nobody of itself, nor of another account, and numbers still fit', () => {
    const mesh = new Mesh(someState(1, [someDevice(1), someDevice(2), someDevice(3, ofOtherAccount)]))
    mesh.subscribe(1, 1)
    mesh.subscribe(3, 3)
    mesh.change(2, someDevice(1, { online: true }))
    assert.deepEqual(mesh.at(50).told(), [])
    mesh.change(3, someDevice(3, { ...ofOtherAccount, online: true }))
    assert.deepEqual(mesh.at(100).told(), [])
    mesh.change(4, someDevice(2, { online: true }))
    const told = mesh.at(150).told()
    assert.deepEqual(
      told.map(({ subscriber, message }) => [subscriber, (message as NetmapChange).from, message.number]),
      [[1, 1, 4]],
    )
  })

  it('tells a device its new name, and its peers with the same number', () => {
    const mesh = new Mesh(someState(1, [someDevice(1), someDevice(2)]))
    mesh.subscribe(1, 1)
    mesh.subscribe(2, 2)
    mesh.change(2, someDevice(1, { name: 'renamed' }))
    const [toItself, toPeer] = mesh
      .at(50)
      .told()
      .map(({ message }) => message as NetmapChange)
    assert.deepEqual([toItself?.self?.name, toItself?.upsert, toItself?.number], ['renamed', [], 2])
    assert.deepEqual(
      [toPeer?.self, toPeer?.upsert.map(({ name }) => name), toPeer?.number],
      [undefined, ['renamed'], 2],
    )
    assert.equal((mesh.subscribe(3, 1, 1)[0] as NetmapChange).self?.name, 'renamed')
  })

  it('tells who was removed, and the whole to whoever was away meanwhile', () => {
    const mesh = new Mesh(someState(1, [someDevice(1), someDevice(2), someDevice(3)]))
    mesh.subscribe(1, 1)
    mesh.subscribe(2, 2)
    mesh.remove(2, 2)
    const [told, ...more] = mesh.at(50).told()
    assert.deepEqual([(told?.message as NetmapChange | undefined)?.remove, more], [[nodeOf(2)], []])
    assert.equal((mesh.subscribe(3, 3, 1)[0] as Netmap).type, 'netmap')
    assert.equal((mesh.subscribe(3, 3, 2)[0] as NetmapChange).type, 'change')
    assert.deepEqual(mesh.subscribe(4, 2), [])
  })

  it('tells whoever subscribes within those 20 ms everything once', () => {
    const mesh = new Mesh(someState(1, [someDevice(1), someDevice(2)]))
    mesh.change(2, someDevice(2, { online: true }))
    assert.equal((mesh.subscribe(1, 1)[0] as Netmap).peers[0]?.online, true)
    assert.deepEqual(mesh.at(50).told(), [])
  })

  it('tells nothing after it was unsubscribed', () => {
    const mesh = new Mesh(someState(1, [someDevice(1), someDevice(2)]))
    mesh.subscribe(1, 1)
    mesh.feed.handle({ kind: 'unsubscribe', subscriber: 1 }, mesh.now)
    mesh.change(2, someDevice(2, { online: true }))
    assert.deepEqual(mesh.at(50).told(), [])
  })

  it('resumes with what changed since, be it nothing', () => {
    const mesh = new Mesh(someState(9, [someDevice(1), someDevice(2, { changed: 5 }), someDevice(3, { changed: 8 })]))
    const since = (number: number) => mesh.subscribe(1, 1, number) as NetmapChange[]
    assert.deepEqual(
      since(5).map(({ from, number, upsert }) => [from, number, upsert.map((peer) => peer.id)]),
      [[5, 9, [nodeOf(3)]]],
    )
    assert.deepEqual(
      since(9).map(({ from, number, upsert }) => [from, number, upsert.length]),
      [[9, 9, 0]],
    )
    assert.equal((since(10)[0] as unknown as Netmap).type, 'netmap')
  })

  it('tells a large mesh in parts, of which only the last gives the number', () => {
    const devices = Array.from({ length: 2_501 }, (_, i) => someDevice(i + 1))
    const mesh = new Mesh(someState(3, devices))
    const [netmap, ...changes] = mesh.subscribe(1, 1) as [Netmap, ...NetmapChange[]]
    assert.deepEqual(
      [netmap, ...changes].map((message) => message.number),
      [INCOMPLETE, INCOMPLETE, 3],
    )
    const merged = changes.reduce<Netmap | undefined>((map, change) => map && mergeNetmap(map, change), netmap)
    assert.equal(merged?.peers.length, 2_500)
    assert.equal(mesh.subscribe(1, 1, INCOMPLETE).length, 3)
  })

  it('leaves a snapshot as it was, and shares what a change does not touch', () => {
    const before = someState(1, [someDevice(1), someDevice(2)])
    const after = applyChange(before, {
      number: 2,
      devices: [someDevice(2, { changed: 2, channelKey: 'new' as DeviceRow['channelKey'] })],
    })
    assert.equal(before.number, 1)
    assert.equal(before.devices.get(nodeOf(2))?.changed, 1)
    assert.equal(after.devices.get(nodeOf(1)), before.devices.get(nodeOf(1)))
    assert.deepEqual([...after.nodesByChannelKey.keys()].sort(), ['channel 1', 'new'])
  })

  it('brings every subscriber to the same mesh, whatever happens in whatever order', () => {
    for (let seed = 1; seed <= 50; seed++) runRandomly(seed)
  })
})

interface Told {
  readonly subscriber: number
  readonly message: Netmap | NetmapChange
}

class Mesh {
  readonly feed: NetmapFeed
  state: MeshState
  now: Now = { instant: instant(0), wall: wallTime(0) }

  constructor(state: MeshState) {
    this.state = state
    this.feed = new NetmapFeed(state)
  }

  remove(number: number, device: number): void {
    const id = nodeOf(device)
    const account = this.state.devices.get(id)?.account
    assert.ok(account !== undefined)
    this.state = applyChange(this.state, { number, devices: [], removed: [id] })
    this.feed.handle({ kind: 'changed', state: this.state, touched: [], removed: [{ id, account }] }, this.now)
  }

  at(milliseconds: number): this {
    this.now = { ...this.now, instant: instant(milliseconds) }
    return this
  }

  change(number: number, device: DeviceRow): void {
    this.state = applyChange(this.state, { number, devices: [{ ...device, changed: number }] })
    this.feed.handle({ kind: 'changed', state: this.state, touched: [device.id] }, this.now)
  }

  subscribe(subscriber: number, node: number, number?: number): readonly (Netmap | NetmapChange)[] {
    const held = number === undefined ? undefined : { epoch: this.state.epoch, number }
    this.feed.handle({ kind: 'subscribe', version: 3, subscriber, node: nodeOf(node), held }, this.now)
    return this.#drain().map(({ message }) => message)
  }

  told(): readonly Told[] {
    this.feed.wake(this.now)
    return this.#drain()
  }

  #drain(): readonly Told[] {
    const told: Told[] = []
    for (let output = this.feed.poll(); output !== undefined; output = this.feed.poll())
      for (const subscriber of output.subscribers) told.push({ subscriber, message: output.message })
    return told
  }
}

/** Subscribers come, go and resume while devices change; in the end each holds what the state says. */
function runRandomly(seed: number): void {
  let random = seed
  const below = (limit: number) => {
    random = (random * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((random / 2 ** 31) * limit)
  }
  const mesh = new Mesh(
    someState(
      1,
      [1, 2, 3, 4].map((number) => someDevice(number)),
    ),
  )
  const held = new Map<number, Netmap>()
  const take = (subscriber: number, message: Netmap | NetmapChange) => {
    const before = held.get(subscriber)
    const after = message.type === 'netmap' ? message : before && mergeNetmap(before, message)
    assert.ok(after, `seed ${seed}: a change that does not fit`)
    held.set(subscriber, after)
  }
  const open = new Set<number>()
  for (let step = 0, number = 2, time = 0; step < 200; step++) {
    time += below(15)
    for (const { subscriber, message } of mesh.at(time).told()) take(subscriber, message)
    const subscriber = 1 + below(4)
    const action = below(4)
    if (action === 0 && open.delete(subscriber)) mesh.feed.handle({ kind: 'unsubscribe', subscriber }, mesh.now)
    else if (action === 1 && !open.has(subscriber)) {
      open.add(subscriber)
      for (const message of mesh.subscribe(subscriber, subscriber, held.get(subscriber)?.number))
        take(subscriber, message)
    } else mesh.change(number++, someDevice(1 + below(5), { name: `s${step}` }))
  }
  for (const { subscriber, message } of mesh.at(1e6).told()) take(subscriber, message)
  for (const subscriber of open) {
    const expected = [...mesh.state.devices.values()]
      .map(({ peer }) => peer)
      .filter(({ id }) => id !== nodeOf(subscriber))
    const self = mesh.state.devices.get(nodeOf(subscriber))
    assert.equal(held.get(subscriber)?.self.name, self?.peer.name, `seed ${seed}`)
    const seen = held.get(subscriber)?.peers.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    assert.deepEqual(
      seen,
      expected.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      `seed ${seed}`,
    )
  }
}
