import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBase64, wallTime } from '@weft/base'
import type { NetmapChange } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { chainKeys, createRevocation, decodeChain, MAX_REVOCATIONS, type RevocableKey } from '@weft/identity'
import { PrivateKey } from '@weft/keys'
import { isRemoved } from '@weft/node'
import { udpPacket } from '@weft/testing'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { START, seededRandom, type TestDevice, TestMesh } from './test-mesh.ts'

const YEAR = 365 * 86_400
const seconds = START.wall / 1000

test('the tunnel to a peer that is revoked ends at once, and no flow with it goes on', () => {
  const { alice, bob, mesh, network } = pair()
  assert.equal(alice.ping('bob').kind, 'reply')
  bob.sendPacket(flowTo(alice, bob))
  network.run(100)
  const heard = alice.packets.length
  assert.ok(heard > 0)
  tellRevoked(alice, mesh, [byAccount(mesh, bob.device)])
  assert.equal(alice.refusalOf('bob'), 'revoked')
  bob.sendPacket(flowTo(alice, bob))
  network.run(30_000)
  assert.equal(alice.packets.length, heard, 'nothing of it comes in any more')
  assert.deepEqual(alice.ping('bob'), { kind: 'refused-peer', reason: 'revoked' })
  assert.equal(bob.ping('alice').kind, 'timeout')
  assert.equal(alice.pathTo('bob'), undefined)
})

test('a peer stays refused whatever netmap comes later, also after a restart without a coordinator', () => {
  const { alice, bob, mesh, network } = pair()
  const before = mesh.netmapFor(alice.device)
  tellRevoked(alice, mesh, [byAccount(mesh, bob.device)])
  const saved = alice.outputsOf('save-revocations').at(-1)
  assert.equal(saved?.revocations.length, 1)
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: before })
  assert.equal(alice.refusalOf('bob'), 'revoked')
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: { ...before, peers: [] } })
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: before })
  assert.equal(alice.refusalOf('bob'), 'revoked')

  network.machines.splice(network.machines.indexOf(alice), 1)
  const again = new Machine(network, alice.device, ['192.0.2.1'], 5)
  const { revocations } = saved ?? assert.fail()
  again.startFrom({ ...mesh.membershipOf(alice.device), netmap: before, revocations })
  assert.equal(again.refusalOf('bob'), 'revoked')
  assert.equal(bob.ping('alice').kind, 'timeout')
})

test('what the stored netmap tells counts also where the file beside it is gone', () => {
  const { alice, bob, mesh, network } = pair()
  const netmap = { ...mesh.netmapFor(alice.device), revocations: [toBase64(byAccount(mesh, bob.device))] }
  const again = new Machine(network, alice.device, ['192.0.2.9'], 5).start(mesh, netmap)
  assert.equal(again.refusalOf('bob'), 'revoked')
  assert.equal(again.outputsOf('save-revocations').length, 1)
})

test('a change that tells of a revocation and names the peer no more takes it away, and names it never again', () => {
  const { alice, bob, mesh } = pair()
  const before = mesh.netmapFor(alice.device)
  const revocations = [toBase64(byAccount(mesh, bob.device))]
  const change: NetmapChange = {
    type: 'change',
    epoch: 'e',
    from: 1,
    number: 2,
    upsert: [],
    remove: [bob.device.id],
    revocations,
  }
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: { ...before, number: 2, peers: [], revocations }, change })
  assert.deepEqual([alice.pathTo('bob'), alice.refusalOf('bob')], [undefined, undefined])
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: before })
  assert.equal(alice.refusalOf('bob'), 'revoked')
})

test('what a revoked device was called, and its address, may be the next one’s', () => {
  const { alice, bob, mesh, network } = pair()
  assert.equal(alice.ping('bob').kind, 'reply')
  const next = { ...mesh.addDevice('bob'), address4: bob.device.address4 }
  const claim = { ...mesh.claimOf(next), endpoints: mesh.endpoints.get(bob.device.id) ?? [] }
  const netmap = { ...mesh.netmapFor(alice.device), peers: [claim] }
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap })
  assert.equal(alice.refusalOf('bob'), 'address-pinned', 'not before')
  network.run(1_000)
  alice.tellNetmap(mesh)
  tellRevoked(alice, mesh, [byAccount(mesh, bob.device)])
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap })
  assert.equal(alice.refusalOf('bob'), undefined)
  assert.equal(alice.status().peers[0]?.id, next.id)
})

test('the root revokes by device, join link or account, and an account nothing of another', () => {
  for (const key of ['identityKey', 'linkKey', 'accountKey'] as const) {
    const { alice, bob, mesh } = pair('eve')
    tellRevoked(alice, mesh, [byRoot(mesh, chainKeys(bob.device.chain)[key])])
    assert.equal(alice.refusalOf('bob'), 'revoked', key)
  }
  const { alice, bob, mesh } = pair('eve')
  tellRevoked(alice, mesh, [byAccount(mesh, bob.device, 'ann')])
  assert.equal(alice.ping('bob').kind, 'reply')
})

test('what does not hold changes nothing, is counted each time and said once', () => {
  const { alice, bob, mesh } = pair()
  const good = byAccount(mesh, bob.device)
  const altered = good.slice()
  altered[40] = (altered[40] ?? 0) ^ 1
  const foreign = byRoot(new TestMesh(99), chainKeys(bob.device.chain).identityKey)
  const eve = PrivateKey.generate('account', seededRandom(66))
  const [certificate = assert.fail()] = decodeChain(bob.device.chain)
  const asEve = createRevocation(fieldsOf(bob.device), { key: eve, certificate }, crypto)
  tellRevoked(alice, mesh, [altered, foreign, asEve, new Uint8Array(100)])
  assert.equal(alice.ping('bob').kind, 'reply')
  assert.equal(alice.node.drops()['revocation-refused'], 4)
  assert.equal(alice.outputsOf('log').filter(({ event }) => event === 'revocation refused').length, 1)
  assert.deepEqual(alice.outputsOf('save-revocations'), [])
})

test('what was revoked counts also beside a netmap that is refused as a whole', () => {
  const { alice, bob, mesh } = pair()
  const netmap = mesh.netmapFor(alice.device)
  const self = { ...netmap.self, id: bob.device.id }
  const revocations = [toBase64(byAccount(mesh, bob.device))]
  alice.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: { ...netmap, self, revocations } })
  assert.equal(alice.refusalOf('bob'), 'revoked')
})

test('a device that is revoked itself has no peers any more, says so, and comes to the same after a restart', () => {
  const { alice, bob, mesh, network } = pair()
  const revocation = byAccount(mesh, alice.device)
  alice.tell({ kind: 'revocations', mesh: mesh.mesh, revocations: [toBase64(revocation)] })
  assert.equal(alice.outputsOf('removed').length, 1)
  assert.deepEqual(alice.status().peers, [])
  alice.tellNetmap(mesh)
  assert.deepEqual(alice.status().peers, [])
  assert.equal(bob.ping('alice').kind, 'timeout')
  const { revocations } = alice.outputsOf('save-revocations').at(-1) ?? assert.fail()
  const stored = { ...mesh.membershipOf(alice.device), netmap: mesh.netmapFor(alice.device), revocations }
  assert.ok(isRemoved(stored, crypto))
  assert.ok(!isRemoved({ ...stored, revocations: [byAccount(mesh, bob.device)] }, crypto))
  const again = new Machine(network, alice.device, ['192.0.2.9'], 5).startFrom(stored)
  assert.equal(again.outputsOf('removed').length, 1)
  assert.deepEqual(again.status().peers, [])
})

test('a false word of removal does a device no harm', () => {
  const { alice, bob, mesh } = pair()
  const foreign = byRoot(new TestMesh(99), chainKeys(alice.device.chain).identityKey)
  alice.tell({ kind: 'revocations', mesh: mesh.mesh, revocations: [toBase64(foreign), 'no base64'] })
  alice.tell({ kind: 'revocations', mesh: mesh.mesh, revocations: [toBase64(byAccount(mesh, bob.device))] })
  assert.deepEqual(alice.outputsOf('removed'), [])
  assert.equal(alice.refusalOf('bob'), 'revoked')
})

test('a revocation whose certificate has ended is not kept', () => {
  const { alice, bob, mesh, network } = pair()
  network.now = { ...network.now, wall: wallTime(network.now.wall + 2 * YEAR * 1000) }
  tellRevoked(alice, mesh, [byAccount(mesh, bob.device)])
  assert.deepEqual(alice.outputsOf('save-revocations'), [])
  assert.notEqual(alice.refusalOf('bob'), 'revoked')
})

test('what there was no room for is taken as soon as others have ended, without being told again', () => {
  const { alice, bob, mesh, network } = pair()
  const random = seededRandom(77)
  const short = Array.from({ length: MAX_REVOCATIONS }, () => {
    const revoked = PrivateKey.generate('identity', random).publicKey(crypto)
    return createRevocation({ revoked, signedAt: seconds, keptUntil: seconds + 60 }, { key: mesh.root }, crypto)
  })
  alice.tell({ kind: 'revocations', mesh: mesh.mesh, revocations: short.map(toBase64) })
  tellRevoked(alice, mesh, [byAccount(mesh, bob.device)])
  assert.notEqual(alice.refusalOf('bob'), 'revoked')
  network.run(120_000)
  assert.notEqual(alice.refusalOf('bob'), 'revoked', 'not while the others count')
  network.run(700_000)
  assert.equal(alice.refusalOf('bob'), 'revoked')
  assert.equal(alice.outputsOf('save-revocations').at(-1)?.revocations.length, 1)
})

function pair(owner = 'ann') {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const alice = new Machine(network, mesh.addDevice('alice'), ['192.0.2.1'], 1)
  const bob = new Machine(network, mesh.addDevice('bob', owner), ['192.0.2.2'], 2)
  mesh.grants = ['ann', owner].map((each) => ({
    reason: 'own device',
    account: mesh.accountOf(each),
    protocol: 'any' as const,
  }))
  for (const machine of [alice, bob]) machine.start(mesh)
  for (const machine of [alice, bob]) mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
  for (const machine of [alice, bob]) machine.tellNetmap(mesh)
  return { mesh, network, alice, bob }
}

function tellRevoked(machine: Machine, mesh: TestMesh, revocations: readonly Uint8Array[]): void {
  const netmap = { ...mesh.netmapFor(machine.device), revocations: revocations.map(toBase64) }
  machine.tell({ kind: 'netmap', mesh: mesh.mesh, netmap })
}

function fieldsOf(device: TestDevice) {
  return { revoked: chainKeys(device.chain).identityKey, signedAt: seconds, keptUntil: seconds + YEAR }
}

function byAccount(mesh: TestMesh, device: TestDevice, owner = 'ann'): Uint8Array {
  return createRevocation(fieldsOf(device), mesh.revokerOf(owner), crypto)
}

function byRoot(mesh: TestMesh, revoked: RevocableKey): Uint8Array {
  return createRevocation({ revoked, signedAt: seconds, keptUntil: seconds + YEAR }, { key: mesh.root }, crypto)
}

function flowTo(to: Machine, from: Machine): Uint8Array {
  const [source = assert.fail(), destination = assert.fail()] = [from.device.address4, to.device.address4]
  return udpPacket({ source, destination, data: new TextEncoder().encode('flow') })
}
