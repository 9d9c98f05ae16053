import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, toBase64 } from '@weft/base'
import type { Netmap, NetmapPeer, NetmapRecord } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { chainKeys, createRevocation } from '@weft/identity'
import type { NodeId } from '@weft/keys'
import type { StoredMembership, TrustOutcome } from '@weft/node'
import { MAX_PINS } from '@weft/node'
import { Pins } from '../src/pins.ts'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { START, type TestDevice, TestMesh } from './test-mesh.ts'

test('a name that the coordinator gives to another device leads nowhere, and its tunnel stays', () => {
  const scene = new Scene()
  scene.tell({ bob: { name: 'bob-2' }, carol: { name: 'bob' } })
  const { alice, bob, carol } = scene
  assert.deepEqual(scene.names(), ['alice', 'bob-2'])
  assert.deepEqual(alice.status().refused, [])
  assert.equal(alice.status().peers.find(({ id }) => id === carol.id)?.nameWithheld, true)
  assert.deepEqual(alice.status().moved, [
    {
      id: carol.id,
      name: 'bob',
      owner: 'ann',
      kind: 'name',
      value: 'bob',
      holder: { id: bob.id, name: 'bob-2', seen: new Date(START.wall).toISOString() },
    },
  ])
  assert.deepEqual(scene.ping('bob'), { kind: 'name-pinned' })
  assert.notEqual(scene.ping(carol.id).kind, 'name-pinned')
  assert.equal(scene.logged('name withheld').length, 1)
  scene.tell({ bob: { name: 'bob-2' }, carol: { name: 'bob' } })
  assert.equal(scene.logged('name withheld').length, 1)
})

test('an address that the coordinator gives to another device is not routed to it', () => {
  const scene = new Scene()
  scene.tell({ bob: undefined, carol: { address4: scene.bob.address4 } })
  assert.equal(scene.alice.refusalOf('carol'), 'address-pinned')
  assert.deepEqual(scene.names(), ['alice'])
  assert.deepEqual(scene.ping(scene.bob.address4), { kind: 'refused-peer', reason: 'address-pinned' })
  const [moved] = scene.alice.status().moved
  assert.deepEqual([moved?.kind, moved?.value, moved?.holder.name], ['address', scene.bob.address4, null])
})

test('a device keeps all names and addresses that it was seen with', () => {
  const scene = new Scene()
  scene.tell({ bob: { name: 'nas', address4: '100.80.0.77' as IpAddress } })
  assert.deepEqual(scene.names(), ['alice', 'carol', 'nas'])
  scene.tell({ bob: { name: 'nas', address4: '100.80.0.77' as IpAddress }, carol: { name: 'bob' } })
  assert.deepEqual(scene.names(), ['alice', 'nas'])
  scene.tell({})
  assert.deepEqual(scene.names(), ['alice', 'bob', 'carol'])
  assert.deepEqual(scene.alice.status().moved, [])
})

test('what the user trusts is the other device’s at once, and after a restart', () => {
  const scene = new Scene()
  const { bob, carol } = scene
  const moves = { bob: { name: 'bob-2' }, carol: { name: 'bob', address4: bob.address4 } }
  scene.tell(moves)
  assert.equal(scene.alice.refusalOf('bob'), 'address-pinned')
  const outcome = scene.trust('bob.weft')
  assert.ok(outcome?.kind === 'trusted')
  assert.equal(outcome.id, carol.id)
  assert.deepEqual(
    outcome.moved.map(({ kind, value, before }) => [kind, value, before.id]),
    [
      ['name', 'bob', bob.id],
      ['address', bob.address4, bob.id],
    ],
  )
  const check = () => {
    assert.deepEqual(scene.names(), ['alice', 'bob'])
    assert.equal(scene.alice.refusalOf('bob-2'), 'address-pinned')
    assert.equal(scene.alice.node.names()[0]?.devices[1]?.addresses[0], bob.address4)
  }
  check()
  scene.restart()
  check()
  assert.deepEqual(scene.trust(carol.id), { kind: 'trusted', id: carol.id, name: 'bob', owner: 'ann', moved: [] })
})

test('what is not to be trusted is refused with its reason', () => {
  const scene = new Scene()
  assert.deepEqual(scene.trust('nobody'), { kind: 'unknown-peer' })
  scene.tell({ bob: { chain: 'AAAA' } })
  assert.deepEqual(scene.trust('bob'), { kind: 'refused-peer', reason: 'chain-malformed' })
  const dave = scene.mesh.addDevice('dave')
  scene.tell({ bob: undefined, carol: { name: 'bob' }, dave: { name: 'bob' } })
  assert.deepEqual(scene.trust('bob'), { kind: 'ambiguous', ids: [scene.carol.id, dave.id] })
  assert.equal(scene.trust(dave.id)?.kind, 'trusted')
  assert.deepEqual(scene.names(), ['alice', 'bob'])
  scene.tell({ carol: { name: 'alice' } })
  assert.deepEqual(scene.names(), ['alice', 'dave'])
  assert.deepEqual(scene.trust(scene.carol.id), { kind: 'own', value: 'alice' })
})

test('nobody gets a name of this node’s, nor an address that it had', () => {
  const scene = new Scene()
  const { alice } = scene
  const before = alice.device.address4
  scene.tell({ carol: { name: 'alice' } }, { address4: '100.80.0.99' as IpAddress, name: 'desk' })
  assert.deepEqual(scene.names(), ['bob', 'desk'])
  scene.tell({ carol: { address4: before } }, { address4: '100.80.0.99' as IpAddress, name: 'desk' })
  assert.equal(alice.refusalOf('carol'), 'address-pinned')
})

test('a netmap that gives this node another device’s address is refused, until the user agrees', () => {
  const scene = new Scene()
  const { alice, bob } = scene
  scene.tell({ bob: undefined }, { address4: bob.address4, name: 'bob' })
  assert.match(alice.status().coordinator.reason ?? '', /self-address-pinned/)
  assert.equal(alice.status().self.addresses[0], alice.device.address4)
  assert.deepEqual(scene.names(), ['alice', 'bob', 'carol'])
  assert.equal(scene.trust(alice.device.id)?.kind, 'trusted')
  assert.equal(alice.status().self.addresses[0], bob.address4)
  assert.deepEqual(scene.names(), ['bob', 'carol'])
  assert.equal(alice.status().coordinator.reason, undefined)
})

test('a record of the mesh cannot stand in for a device that was seen, nor below it', () => {
  const scene = new Scene()
  const records: NetmapRecord[] = ['bob', 'photos.bob', 'git'].map((name) => ({
    name,
    type: 'A',
    value: '100.80.0.66' as IpAddress,
  }))
  scene.tell({ bob: undefined }, {}, { records })
  assert.deepEqual(
    scene.alice.node.names()[0]?.records.map(({ name }) => name),
    ['git'],
  )
})

test('what was a released device’s is the next one’s that is seen with it', () => {
  const pins = new Pins({ names: [], addresses: [] })
  const [a, b] = ['a'.repeat(32), 'b'.repeat(32)] as [NodeId, NodeId]
  pins.pin('name', 'nas', a, START.wall)
  pins.pin('address', '100.80.0.1', a, START.wall)
  pins.pin('name', 'tv', b, START.wall)
  assert.equal(pins.release(new Set([a])), true)
  assert.equal(pins.release(new Set([a])), false)
  pins.pin('name', 'nas', b, START.wall)
  assert.deepEqual(
    pins.all().names.map(({ value, id }) => [value, id]),
    [
      ['tv', b],
      ['nas', b],
    ],
  )
  assert.deepEqual(pins.all().addresses, [])
})

test('a revoked device’s name and address are the next one’s, whether it had a tunnel or not', () => {
  const scene = new Scene()
  const { bob, carol } = scene
  const taken = { bob: { address4: carol.address4 }, carol: { name: 'bob', address4: bob.address4 } }
  scene.tell(taken)
  assert.deepEqual(scene.names(), ['alice'])
  assert.equal(scene.alice.refusalOf('bob'), 'address-pinned')
  scene.tell(taken, {}, { revocations: [scene.revocationOf(bob)] })
  assert.deepEqual(
    scene.alice.status().refused.map(({ id, reason }) => [id, reason]),
    [[bob.id, 'revoked']],
  )
  assert.deepEqual(scene.alice.status().moved, [])
  assert.deepEqual(scene.names(), ['alice', 'bob'])
  assert.equal(scene.alice.node.names()[0]?.devices[1]?.addresses[0], bob.address4)
  assert.deepEqual(scene.trust(bob.id), { kind: 'refused-peer', reason: 'revoked' })
  scene.restart()
  assert.deepEqual(scene.names(), ['alice', 'bob'])
  assert.equal(scene.alice.node.names()[0]?.devices[1]?.addresses[0], bob.address4)
})

test('a name of this node that was a revoked device’s is its own from then on', () => {
  const scene = new Scene()
  const { bob } = scene
  scene.tell({}, { name: 'bob' })
  scene.tell({}, { name: 'bob' }, { revocations: [scene.revocationOf(bob)] })
  assert.deepEqual(scene.names(), ['bob', 'carol'])
  assert.equal(
    scene.alice
      .outputsOf('save-pins')
      .at(-1)
      ?.pins.names.find(({ value }) => value === 'bob')?.id,
    scene.alice.device.id,
  )
  scene.tell({ carol: { name: 'bob' } }, { name: 'desk' })
  assert.deepEqual(scene.names(), ['desk'])
})

test('where there is no more room nothing is forgotten, and it is said once', () => {
  const scene = new Scene()
  const { alice, mesh, bob } = scene
  const pin = (index: number) => ({ value: `n${index}`, id: bob.id, seen: START.wall })
  const names = Array.from({ length: MAX_PINS }, (_, index) => pin(index))
  const full = scene.machine(mesh.addDevice('dave'), { names, addresses: [] })
  full.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: mesh.netmapFor(alice.device) })
  full.tellNetmap(mesh)
  assert.equal(full.outputsOf('log').filter(({ event }) => event === 'no room for pins').length, 1)
  assert.equal(full.status().peers.length, 3)
  assert.equal(full.status().hasRoomForPins, false)
  assert.equal(alice.status().hasRoomForPins, true)
  const claims = mesh.netmapFor(full.device)
  const peers = claims.peers.map((claim) => (claim.name === 'carol' ? { ...claim, name: 'n7' } : claim))
  full.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: { ...claims, peers } })
  assert.equal(full.status().peers.find(({ name }) => name === 'n7')?.nameWithheld, true)
})

type Changes = Readonly<Record<string, Partial<NetmapPeer> | undefined>>

/** alice, who has seen bob and carol, and what the coordinator tells her then. */
class Scene {
  readonly mesh = new TestMesh()
  readonly network = new SimulatedNetwork()
  alice: Machine
  readonly bob: TestDevice
  readonly carol: TestDevice

  constructor() {
    this.alice = new Machine(this.network, this.mesh.addDevice('alice'), ['192.0.2.1'], 1)
    this.bob = this.mesh.addDevice('bob')
    this.carol = this.mesh.addDevice('carol')
    this.alice.start(this.mesh)
    this.tell({})
  }

  machine(device: TestDevice, pins: StoredMembership['pins']): Machine {
    const machine = new Machine(this.network, device, ['192.0.2.9'], 9)
    return machine.startFrom({ ...this.mesh.membershipOf(device), pins })
  }

  /** `undefined`: the peer is gone. */
  tell(changes: Changes, self: Partial<Netmap['self']> = {}, more: Partial<Netmap> = {}): void {
    const netmap = this.mesh.netmapFor(this.alice.device)
    const peers = netmap.peers.flatMap((claim) =>
      claim.name in changes && changes[claim.name] === undefined ? [] : [{ ...claim, ...changes[claim.name] }],
    )
    const told = { ...netmap, ...more, peers, self: { ...netmap.self, ...self } }
    this.alice.tell({ kind: 'netmap', mesh: this.mesh.mesh, netmap: told })
  }

  trust(peer: string): TrustOutcome | undefined {
    this.alice.tell({ kind: 'trust', token: 1, peer })
    return this.alice.outputsOf('trust-answer').at(-1)?.outcome
  }

  ping(peer: string) {
    return this.alice.ping(peer, 100)
  }

  names(): readonly string[] {
    return (this.alice.node.names()[0]?.devices ?? []).map(({ name }) => name).sort()
  }

  logged(event: string) {
    return this.alice.outputsOf('log').filter((each) => each.event === event)
  }

  revocationOf(device: TestDevice): string {
    const seconds = Math.floor(START.wall / 1000)
    const fields = { revoked: chainKeys(device.chain).identityKey, signedAt: seconds, keptUntil: seconds + 86_400 }
    return toBase64(createRevocation(fields, { key: this.mesh.root }, crypto))
  }

  restart(): void {
    this.alice.tell({ kind: 'stop' })
    const { device } = this.alice
    const saved = this.alice.outputsOf('save-netmap').at(-1)
    const pins = this.alice.outputsOf('save-pins').at(-1)?.pins
    const revoked = this.alice.outputsOf('save-revocations').at(-1)
    assert.ok(saved !== undefined && pins !== undefined)
    this.alice = new Machine(this.network, device, ['192.0.2.1'], 1)
    const { netmap, known } = saved
    const { revocations = [] } = revoked ?? {}
    this.alice.startFrom({ ...this.mesh.membershipOf(device), netmap, known, pins, revocations })
  }
}
