import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostPrefix, type IpAddress, toBase64 } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createRecord, generateNodeKeys, meshPrefix } from '@weft/identity'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { seededRandom, TestMesh } from './test-mesh.ts'

const RESOLVER = '100.80.0.53' as IpAddress

test('the first packet makes a session and arrives', () => {
  const { alice, bob } = pair()
  assert.deepEqual(alice.pathTo('bob'), { kind: 'idle' })
  const outcome = alice.ping('bob')
  assert.equal(outcome.kind, 'reply')
  assert.equal(alice.pathTo('bob')?.kind, 'direct')
  assert.equal(bob.pathTo('alice')?.kind, 'direct')
  assert.equal(bob.packets.length, 1)
})

test('a peer is reached by name, name with the domain and what is below it, id and either address', () => {
  const { alice, bob } = pair()
  for (const text of ['bob', 'BOB.weft', 'photos.bob.weft.', bob.device.id, ...bob.status().self.addresses])
    assert.equal(alice.ping(text).kind, 'reply', text)
})

test('a tunnel goes over IPv6 where that is all there is', () => {
  const { alice } = pair(['2001:db8::a'], ['2001:db8::b'])
  const outcome = alice.ping('bob')
  assert.ok(outcome.kind === 'reply' && outcome.path?.kind === 'direct')
  assert.equal(outcome.path.remote, '[2001:db8::b]:7481')
})

test('an address that does not answer beside one that does costs nothing', () => {
  const { alice } = pair(['192.0.2.1'], ['192.0.2.2'], { bobTells: ['198.51.100.9:7481', '192.0.2.2:7481'] })
  const outcome = alice.ping('bob', 1_000)
  assert.equal(outcome.kind, 'reply')
})

test('the interface gets both addresses, and the routes of the mesh', () => {
  const { alice, mesh } = pair()
  assert.deepEqual(alice.settings, {
    addresses: alice.status().self.addresses.map(hostPrefix),
    routes: [mesh.range, meshPrefix(mesh.root.publicKey(crypto), crypto)],
    mtu: 1420,
  })
})

test('a peer with a chain of a foreign root gets no tunnel, and is named', () => {
  const { alice, bob, mesh } = pair()
  const chain = toBase64(new TestMesh(99).chainFor(bob.device.keys, 'ann'))
  tellClaims(alice, mesh, (claim) => (claim.name === 'bob' ? { ...claim, chain } : claim))
  assert.equal(alice.refusalOf('bob'), 'chain-foreign')
  assert.deepEqual(alice.ping('bob'), { kind: 'refused-peer', reason: 'chain-foreign' })
  assert.ok(alice.settings?.addresses.length === 2)
})

test('a record with another node key gets no tunnel, and is named', () => {
  const { alice, mesh } = pair()
  const eve = generateNodeKeys(seededRandom(66))
  tellClaims(alice, mesh, (claim) => {
    const record = mesh.devices[1]?.record.slice() ?? new Uint8Array()
    record.set(crypto.x25519PublicKey(eve.node.expose()), 41)
    return { ...claim, record: toBase64(record) }
  })
  assert.equal(alice.refusalOf('bob'), 'record-forged')
})

test('an old record does not come back', () => {
  const { alice, bob, mesh } = pair()
  const record = toBase64(createRecord(bob.device.keys, 2, crypto))
  tellClaims(alice, mesh, (claim) => ({ ...claim, record }))
  assert.equal(alice.refusalOf('bob'), undefined)
  alice.tellNetmap(mesh)
  assert.equal(alice.refusalOf('bob'), 'record-superseded')
})

test('nobody takes the address of this node, or of another peer', () => {
  const { alice, mesh } = pair()
  const carol = mesh.addDevice('carol')
  alice.tellNetmap(mesh)
  assert.equal(alice.status().peers.length, 2)
  tellClaims(alice, mesh, (claim) => (claim.id === carol.id ? { ...claim, address4: alice.device.address4 } : claim))
  assert.equal(alice.refusalOf('carol'), 'is-self')
  tellClaims(alice, mesh, (claim) => ({ ...claim, address4: '100.80.0.2' as IpAddress }))
  assert.equal(alice.refusalOf('carol'), 'address-pinned')
  assert.equal(alice.refusalOf('bob'), undefined)
  tellClaims(alice, mesh, (claim) => (claim.id === carol.id ? { ...claim, address4: '8.8.8.8' as IpAddress } : claim))
  assert.equal(alice.refusalOf('carol'), 'address-outside-range')
  tellClaims(alice, mesh, (claim) => (claim.id === carol.id ? { ...claim, address4: RESOLVER } : claim))
  assert.equal(alice.refusalOf('carol'), 'address-taken')
  alice.tellNetmap(mesh)
  assert.equal(alice.refusalOf('carol'), undefined)
})

test('names are those of this node and of peers that proved themselves', () => {
  const { alice, bob, mesh } = pair()
  const first = alice.node.names()
  assert.deepEqual(
    first.map(({ domain }) => domain),
    ['weft'],
  )
  assert.deepEqual(first[0]?.devices, [
    { name: 'alice', addresses: alice.status().self.addresses },
    { name: 'bob', addresses: bob.status().self.addresses },
  ])
  assert.deepEqual(first[0]?.ownAddresses, alice.status().self.addresses)
  assert.equal(alice.node.names(), first)
  const chain = toBase64(new TestMesh(99).chainFor(bob.device.keys, 'ann'))
  tellClaims(alice, mesh, (claim) => (claim.name === 'bob' ? { ...claim, chain } : claim))
  assert.deepEqual(
    alice.node.names()[0]?.devices.map(({ name }) => name),
    ['alice'],
  )
})

test('two peers that swap their addresses get no tunnel before the user agrees to both', () => {
  const { alice, bob, mesh } = pair()
  const carol = mesh.addDevice('carol')
  alice.tellNetmap(mesh)
  tellClaims(alice, mesh, (claim) => ({
    ...claim,
    address4: claim.id === carol.id ? bob.device.address4 : carol.address4,
  }))
  for (const name of ['bob', 'carol']) assert.equal(alice.refusalOf(name), 'address-pinned')
  for (const name of ['bob', 'carol']) alice.tell({ kind: 'trust', token: 1, peer: name })
  assert.deepEqual(alice.status().refused, [])
  assert.equal(alice.status().peers.find(({ name }) => name === 'carol')?.addresses[0], bob.device.address4)
})

test('a refused peer does no harm to the others', () => {
  const { alice, mesh } = pair()
  const carol = mesh.addDevice('carol')
  tellClaims(alice, mesh, (claim) => (claim.id === carol.id ? { ...claim, chain: 'AAAA' } : claim))
  assert.equal(alice.refusalOf('carol'), 'chain-malformed')
  assert.equal(alice.ping('bob').kind, 'reply')
})

test('a netmap of another mesh, or with a public range, is refused as a whole', () => {
  const { alice, mesh } = pair()
  const netmap = mesh.netmapFor(alice.device)
  const before = alice.status()
  for (const bad of [
    { ...netmap, peers: [], mesh: { ...netmap.mesh, rootKey: new TestMesh(3).root.publicKey(crypto) } },
    { ...netmap, peers: [], mesh: { ...netmap.mesh, range: '8.0.0.0/8' as never } },
    { ...netmap, peers: [], mesh: { ...netmap.mesh, range: '0.0.0.0/0' as never } },
    { ...netmap, peers: [], self: { ...netmap.self, id: before.peers[0]?.id ?? before.self.id } },
    { ...netmap, peers: [], self: { ...netmap.self, address4: '10.9.9.9' as IpAddress } },
  ]) {
    alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: bad })
    const after = alice.status()
    assert.match(after.coordinator.reason ?? '', /refused/)
    assert.deepEqual({ ...after, coordinator: before.coordinator }, before)
  }
  alice.tellNetmap(mesh)
  assert.deepEqual(alice.status(), before)
})

test('the chain of a peer that comes to its end takes its tunnel away', () => {
  const { alice, bob, mesh, network } = pair()
  const soon = network.now.wall / 1000 + 60
  tellClaims(alice, mesh, (claim) => ({
    ...claim,
    chain: toBase64(mesh.chainFor(bob.device.keys, 'ann', soon)),
  }))
  assert.equal(alice.ping('bob').kind, 'reply')
  network.run(60_000 + 600_000 + 61_000)
  assert.equal(alice.refusalOf('bob'), 'chain-expired')
})

test('a ping that is not answered ends in time', () => {
  const { alice, bob } = pair()
  bob.isPlugged = false
  assert.equal(alice.ping('bob', 2_000).kind, 'timeout')
  assert.deepEqual(alice.ping('nobody'), { kind: 'unknown-peer' })
  assert.deepEqual(alice.ping('alice'), { kind: 'self' })
})

test('without a grant nothing comes in, but answers do', () => {
  const { alice, bob, mesh } = pair()
  mesh.grants = []
  bob.tellNetmap(mesh)
  assert.equal(alice.ping('bob').kind, 'timeout')
  assert.equal(bob.packets.length, 0)
  assert.equal(bob.ping('alice').kind, 'reply')
})

test('a grant that is withdrawn cuts a flow that lives', () => {
  const { alice, bob, mesh } = pair()
  assert.equal(alice.ping('bob').kind, 'reply')
  mesh.grants = []
  bob.tellNetmap(mesh)
  assert.equal(alice.ping('bob').kind, 'timeout')
})

test('who is of a granted account, the chain says and not the coordinator', () => {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const alice = new Machine(network, mesh.addDevice('alice', 'ann'), ['192.0.2.1'], 1)
  const eve = new Machine(network, mesh.addDevice('eve', 'eve'), ['192.0.2.2'], 2)
  mesh.grants = [{ reason: 'own device', account: mesh.accountOf('ann'), protocol: 'any' }]
  startAll(mesh, [alice, eve])
  assert.equal(alice.status().peers[0]?.owner, 'ann')
  assert.equal(eve.ping('alice').kind, 'timeout')
  assert.equal(alice.packets.length, 0)
})

interface PairOptions {
  readonly bobTells?: readonly string[]
}

function pair(
  aliceAddresses: readonly string[] = ['192.0.2.1'],
  bobAddresses: readonly string[] = ['192.0.2.2'],
  options: PairOptions = {},
) {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const alice = new Machine(network, mesh.addDevice('alice'), aliceAddresses, 1)
  const bob = new Machine(network, mesh.addDevice('bob'), bobAddresses, 2)
  mesh.grants = [{ reason: 'own device', account: mesh.accountOf('ann'), protocol: 'any' }]
  startAll(mesh, [alice, bob])
  if (options.bobTells !== undefined) {
    mesh.endpoints.set(bob.device.id, options.bobTells as never)
    alice.tellNetmap(mesh)
  }
  return { mesh, network, alice, bob }
}

function startAll(mesh: TestMesh, machines: readonly Machine[]): void {
  for (const machine of machines) machine.start(mesh)
  for (const machine of machines) mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
  for (const machine of machines) machine.tellNetmap(mesh)
}

type Claim = ReturnType<TestMesh['claimOf']>

function tellClaims(machine: Machine, mesh: TestMesh, change: (claim: Claim) => Claim): void {
  const netmap = mesh.netmapFor(machine.device)
  machine.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: { ...netmap, peers: netmap.peers.map(change) } })
}
