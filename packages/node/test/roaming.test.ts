import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, wallTime } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import type { StoredMembership } from '@weft/node'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { seededRandom, TestMesh } from './test-mesh.ts'

test('with the coordinator gone, traffic goes on, rekeys included', () => {
  const { alice, network } = connected()
  for (let minute = 0; minute < 10; minute++) {
    assert.equal(alice.ping('bob').kind, 'reply')
    network.run(55_000)
  }
})

test('a peer that has another address is reached there as soon as the coordinator names it', () => {
  const { alice, bob, mesh, network } = connected()
  network.run(6_000)
  bob.addresses = ['198.51.100.7'] as never
  mesh.endpoints.set(bob.device.id, ['198.51.100.7:7481'] as Endpoint[])
  alice.tellNetmap(mesh)
  network.run(1_000)
  const outcome = alice.ping('bob', 1_000)
  assert.ok(outcome.kind === 'reply' && outcome.path?.kind === 'direct')
  assert.equal(outcome.path.remote, '198.51.100.7:7481')
})

test('a node that has another address goes on without the coordinator', () => {
  const { alice, bob, network } = connected()
  network.run(6_000)
  bob.readdress(['198.51.100.7'])
  network.run(1_000)
  assert.equal(pathOf(alice, 'bob'), '198.51.100.7:7481')
  assert.equal(alice.ping('bob').kind, 'reply')
})

test('traffic that stays unanswered finds the new address by itself', () => {
  const { alice, bob, mesh, network } = connected()
  // Alice knows both of bob's addresses; bob moves from one to the other and tells nobody.
  mesh.endpoints.set(bob.device.id, ['192.0.2.2:7481', '198.51.100.7:7481'] as Endpoint[])
  alice.tellNetmap(mesh)
  network.run(6_000)
  bob.addresses = ['198.51.100.7'] as never
  assert.equal(alice.ping('bob', 1_000).kind, 'timeout')
  assert.equal(alice.ping('bob').kind, 'reply')
  assert.equal(pathOf(alice, 'bob'), '198.51.100.7:7481')
})

test('transport data from another address move no peer', () => {
  const { alice, bob, network } = connected()
  const before = pathOf(alice, 'bob')
  const sent: Uint8Array[] = []
  network.tap = (flight) => {
    if (flight.from !== '192.0.2.2:7481') return flight
    sent.push(flight.datagram)
    return { ...flight, from: '203.0.113.66:7481' as Endpoint }
  }
  bob.ping('alice', 1_000)
  network.tap = undefined
  assert.ok(sent.length > 0)
  assert.equal(pathOf(alice, 'bob'), before)
})

test('a node that restarts from its stored netmap reaches its peers without a coordinator', () => {
  const { alice, bob, mesh, network } = connected()
  const saved = alice.outputsOf('save-netmap').at(-1)
  assert.ok(saved)
  network.machines.splice(network.machines.indexOf(alice), 1)
  network.run(400_000)
  const again = new Machine(network, alice.device, ['192.0.2.1'], 11)
  const stored: StoredMembership = { ...mesh.membershipOf(alice.device), netmap: saved.netmap, known: saved.known }
  again.startFrom(stored)
  assert.equal(again.settings?.addresses.length, 2)
  assert.equal(again.ping('bob').kind, 'reply')
  assert.equal(bob.ping('alice').kind, 'reply')
})

test('a clock that was set back does not lock a node out, where it kept the timestamp that it saved', () => {
  for (const kept of [true, false]) {
    const { alice, bob, mesh, network } = connected()
    const [saved] = alice.outputsOf('save-timestamp').slice(-1)
    const netmap = alice.outputsOf('save-netmap').at(-1)?.netmap
    assert.ok(saved && netmap)
    assert.equal(saved.mesh, mesh.mesh)
    network.machines.splice(network.machines.indexOf(alice), 1)
    network.now = { ...network.now, wall: wallTime(network.now.wall - 12 * 3_600_000) }
    const again = new Machine(network, alice.device, ['192.0.2.1'], 11)
    const stored: StoredMembership = { ...mesh.membershipOf(alice.device), netmap }
    bob.wake()
    again.startFrom(kept ? { ...stored, latestTimestamp: saved.bound } : stored)
    assert.equal(again.ping('bob', 20_000).kind, kept ? 'reply' : 'timeout')
  }
})

test('a timestamp is saved before the initiation that carries it is sent', () => {
  const { alice, network } = connected()
  const saved = () => alice.outputsOf('save-timestamp').length
  let savedWhenSent: number | undefined
  network.tap = (flight) => {
    if (flight.datagram[0] === 1) savedWhenSent ??= saved()
    return flight
  }
  const before = saved()
  network.run(400_000)
  alice.wake()
  alice.ping('bob')
  assert.equal(savedWhenSent, before + 1)
})

test('own endpoints are published once per connection and again when they change', () => {
  const { alice, mesh } = connected()
  const state = (name: 'connected' | 'away') =>
    alice.tell({
      kind: 'coordinator-state',
      mesh: mesh.mesh,
      coordinator: { state: name, url: 'http://192.0.2.9:7480', since: 0 as never },
    })
  const published = () => alice.outputsOf('publish').map(({ endpoints }) => endpoints.join())
  state('connected')
  state('connected')
  assert.deepEqual(published(), ['192.0.2.1:7481'])
  alice.readdress(['192.0.2.77'])
  assert.deepEqual(published(), ['192.0.2.1:7481', '192.0.2.77:7481'])
  alice.readdress(['192.0.2.77'])
  state('away')
  assert.equal(published().length, 2)
  state('connected')
  assert.equal(published().length, 3)
})

test('a port in use is left for another, which is published', () => {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const alice = new Machine(network, mesh.addDevice('alice'), ['192.0.2.1'], 1)
  alice.takenPorts.add(7481)
  alice.start(mesh)
  const [saved] = alice.outputsOf('save-port')
  assert.ok(saved !== undefined && saved.port >= 49_152)
  assert.deepEqual(alice.status().self.endpoints, [`192.0.2.1:${saved.port}`])
})

test('a membership that ends takes its peers, addresses and permissions along', () => {
  const { alice, bob, mesh } = connected()
  alice.tell({ kind: 'membership-removed', mesh: mesh.mesh })
  assert.deepEqual(alice.settings?.addresses, [])
  assert.deepEqual(alice.settings?.routes, [])
  assert.equal(bob.ping('alice').kind, 'timeout')
})

test('a node in two meshes talks in each with that mesh only', () => {
  const network = new SimulatedNetwork()
  const [home, work] = [new TestMesh(1), new TestMesh(2)]
  const alice = new Machine(network, home.addDevice('alice'), ['192.0.2.1'], 1)
  const bob = new Machine(network, home.addDevice('bob'), ['192.0.2.2'], 2)
  const aliceAtWork = work.addDevice('alice-work', 'corp')
  const boss = new Machine(network, work.addDevice('boss', 'corp'), ['192.0.2.3'], 3)
  for (const mesh of [home, work])
    mesh.grants = ['ann', 'corp'].map((owner) => ({ reason: owner, account: mesh.accountOf(owner), protocol: 'any' }))
  for (const [machine, mesh] of [
    [alice, home],
    [bob, home],
    [boss, work],
  ] as const)
    machine.start(mesh)
  for (const [mesh, machine] of [
    [home, bob],
    [work, boss],
  ] as const)
    mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
  const workMap = work.netmapFor(aliceAtWork)
  // Both meshes chose the same range, and two devices the same address in it: what came first stays.
  const renumbered = { ...workMap.mesh, range: '100.80.64.0/18' as never }
  const peers = workMap.peers.map((peer) => ({ ...peer, address4: '100.80.64.9' as never }))
  alice.tell({ kind: 'membership-added', membership: work.membershipOf(aliceAtWork) })
  alice.tell({
    kind: 'netmap',
    mesh: work.mesh,
    netmap: { ...workMap, mesh: renumbered, peers, self: { ...workMap.self, address4: '100.80.64.8' as never } },
  })
  alice.tellNetmap(home)
  bob.tellNetmap(home)
  boss.tellNetmap(work)
  assert.equal(alice.ping('bob').kind, 'reply')
  assert.equal(alice.settings?.addresses.length, 4)
  assert.equal(alice.settings?.routes.length, 4)
  const outcome = alice.ping('boss')
  // The boss knows alice by another IPv4 address than she uses there, so only IPv6 passes.
  assert.equal(outcome.kind, 'timeout')
  const boss6 = boss.status().self.addresses[1] ?? ''
  assert.equal(alice.ping(boss6).kind, 'reply')
})

test('a netmap of 1,000 peers is taken, kept and saved, and a change costs what it touches', () => {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const alice = new Machine(network, mesh.addDevice('alice'), ['192.0.2.1'], 1)
  const bob = new Machine(network, mesh.addDevice('bob'), ['192.0.2.2'], 2)
  for (let i = 0; i < 998; i++) mesh.addDevice(`peer-${i}`)
  mesh.grants = [{ reason: 'own device', account: mesh.accountOf('ann'), protocol: 'any' }]
  alice.start(mesh)
  bob.start(mesh)
  mesh.endpoints.set(bob.device.id, bob.status().self.endpoints)
  alice.tellNetmap(mesh)
  bob.tellNetmap(mesh)
  assert.equal(alice.status().peers.length, 999)
  assert.equal(alice.ping('bob').kind, 'reply')

  let verified = 0
  const counting = {
    ...crypto,
    ed25519Verify: (...args: Parameters<typeof crypto.ed25519Verify>) => {
      verified++
      return crypto.ed25519Verify(...args)
    },
  }
  const again = new Machine(network, alice.device, ['192.0.2.50'], 5, counting)
  again.start(mesh, mesh.netmapFor(alice.device))
  verified = 0
  const netmap = mesh.netmapFor(alice.device)
  const [first] = netmap.peers
  assert.ok(first)
  const change = {
    type: 'change',
    epoch: 'e',
    from: 1,
    number: 2,
    upsert: [{ ...first, online: false }],
    remove: [],
  } as const
  again.tell({ kind: 'netmap', mesh: mesh.mesh, netmap, change })
  assert.equal(verified, 0)
  assert.equal(again.status().peers.find(({ id }) => id === first.id)?.online, false)
})

test('random bytes as handshakes change nothing', () => {
  const { alice, network } = connected()
  const before = alice.status()
  const random = seededRandom(4)
  for (const length of [0, 1, 64, 92, 148, 1000]) {
    for (let kind = 0; kind < 6; kind++) {
      const datagram = new Uint8Array(length)
      random.fill(datagram)
      if (length >= 4) datagram.set([kind, 0, 0, 0])
      alice.receive('203.0.113.66:9' as Endpoint, '192.0.2.1:7481' as Endpoint, datagram)
    }
  }
  assert.deepEqual(alice.status(), before)
  network.run(1_000)
  assert.equal(alice.ping('bob').kind, 'reply')
})

test('a stranger with keys of its own gets no answer', () => {
  const { bob, mesh, network } = connected()
  const stranger = new TestMesh(77)
  const eve = new Machine(network, stranger.addDevice('eve'), ['203.0.113.66'], 9)
  eve.start(stranger)
  const claim = mesh.claimOf(bob.device)
  // Eve takes bob for a member of her own mesh, with a chain of her own making.
  const forged = {
    ...claim,
    chain: stranger.claimOf({ ...bob.device, chain: stranger.chainFor(bob.device.keys, 'ann') }).chain,
  }
  const netmap = stranger.netmapFor(eve.device)
  eve.tell({
    kind: 'netmap',
    mesh: stranger.mesh,
    netmap: { ...netmap, peers: [{ ...forged, address4: '100.80.0.9' as never }] },
  })
  assert.equal(eve.refusalOf('bob'), undefined)
  assert.equal(eve.ping('bob').kind, 'timeout')
  assert.equal(bob.status().peers.length, 1)
})

function connected() {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const alice = new Machine(network, mesh.addDevice('alice'), ['192.0.2.1'], 1)
  const bob = new Machine(network, mesh.addDevice('bob'), ['192.0.2.2'], 2)
  mesh.grants = [{ reason: 'own device', account: mesh.accountOf('ann'), protocol: 'any' }]
  for (const machine of [alice, bob]) machine.start(mesh)
  for (const machine of [alice, bob]) mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
  for (const machine of [alice, bob]) machine.tellNetmap(mesh)
  assert.equal(alice.ping('bob').kind, 'reply')
  return { mesh, network, alice, bob }
}

function pathOf(machine: Machine, name: string): string | undefined {
  const path = machine.pathTo(name)
  return path?.kind === 'direct' ? path.endpoint : path?.kind
}
