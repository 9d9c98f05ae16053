/*
 * Nodes that take new keys while packets flow: whoever hears of it first, and whatever the coordinator does meanwhile.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, type Random, randomUint32, wallTime } from '@weft/base'
import { udpPacket } from '@weft/testing'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { seededRandom, TestMesh } from './test-mesh.ts'

const COUNT = process.env.WEFT_LONG === '1' ? 200 : 12
const SECOND = 1000
const HOUR = 3_600_000

test('two nodes that talk lose nothing, and keep their path, whoever rotates and whoever hears first', () => {
  for (let seed = 1; seed <= COUNT; seed++) {
    const world = new World(seed)
    world.settle()
    const path = world.alice.pathTo('bob')
    assert.equal(path?.kind, 'direct')
    for (const machine of world.rotating()) world.planRotation(machine)
    world.stream(160 * SECOND)
    world.checkNothingLost()
    assert.deepEqual(world.alice.pathTo('bob'), path, world.where)
    world.forgetFormerKeys()
    assert.equal(world.alice.ping('bob').kind, 'reply', world.where)
    assert.equal(world.bob.ping('alice').kind, 'reply', world.where)
  }
})

test('a peer that heard of nothing for an hour after a rotation is reached by the keys that it knows', () => {
  const world = new World(1)
  world.settle()
  world.rotate(world.alice)
  for (let minute = 0; minute < 50; minute += 10) {
    assert.equal(world.alice.ping('bob', 7 * SECOND).kind, 'reply')
    world.rest(5 * 60 * SECOND)
    assert.equal(world.bob.ping('alice').kind, 'reply')
    world.rest(5 * 60 * SECOND)
  }
})

test('after that hour the former keys are told to be over, and who knows only them is answered no more', () => {
  const world = new World(1)
  world.settle()
  world.rotate(world.alice)
  world.rest(HOUR + 61 * SECOND)
  assert.equal(world.alice.outputsOf('former-keys-over').length, 1)
  assert.equal(world.bob.ping('alice').kind, 'timeout')
  world.bob.tellNetmap(world.mesh)
  assert.equal(world.bob.ping('alice').kind, 'reply')
})

test('a peer that knows the new record refuses the former node key at once', () => {
  const world = new World(1)
  world.settle()
  const thief = world.alice.device.keys
  world.rotate(world.alice)
  world.bob.tellNetmap(world.mesh)
  const device = { ...world.alice.device, keys: thief }
  world.network.machines.splice(world.network.machines.indexOf(world.alice), 1)
  const eve = new Machine(world.network, device, ['192.0.2.66'], 77)
  eve.start(world.mesh, world.mesh.netmapFor(world.alice.device))
  assert.equal(eve.ping('bob').kind, 'timeout')
  assert.ok((world.bob.node.drops()['initiator-unknown'] ?? 0) > 0)
})

test('a node that was restarted amid a rotation is known by either of its keys', () => {
  for (const heard of [false, true]) {
    const world = new World(1)
    world.settle()
    const { alice, bob, mesh, network } = world
    const before = { ...alice.device }
    const next = mesh.newKeys(alice.device)
    const netmap = mesh.netmapFor(alice.device)
    if (heard) {
      Object.assign(alice.device, next)
      bob.tellNetmap(mesh)
    }
    network.machines.splice(network.machines.indexOf(alice), 1)
    world.rest(200 * SECOND)
    const again = new Machine(network, alice.device, ['192.0.2.1'], 11)
    again.startFrom({ ...mesh.membershipOf(before), next: next.keys, netmap })
    assert.equal(again.ping('bob', 7 * SECOND).kind, 'reply')
    assert.equal(bob.ping('alice').kind, 'reply')
  }
})

class World {
  readonly mesh = new TestMesh()
  readonly network = new SimulatedNetwork()
  readonly alice: Machine
  readonly bob: Machine
  readonly where: string
  readonly #random: Random
  readonly #plan: { readonly at: number; readonly run: () => void }[] = []
  readonly #sent = new Map<Machine, number>()

  constructor(seed: number) {
    this.where = `seed ${seed}`
    this.#random = seededRandom(seed)
    this.alice = new Machine(this.network, this.mesh.addDevice('alice'), ['192.0.2.1'], seed * 2)
    this.bob = new Machine(this.network, this.mesh.addDevice('bob'), ['192.0.2.2'], seed * 2 + 1)
    this.mesh.grants = [{ reason: 'own device', account: this.mesh.accountOf('ann'), protocol: 'any' }]
    for (const machine of [this.alice, this.bob]) machine.start(this.mesh)
  }

  settle(): void {
    for (const machine of [this.alice, this.bob])
      this.mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
    for (const machine of [this.alice, this.bob]) machine.tellNetmap(this.mesh)
    assert.equal(this.alice.ping('bob').kind, 'reply')
    this.network.run(6 * SECOND)
  }

  rotating(): readonly Machine[] {
    return [[this.alice], [this.bob], [this.alice, this.bob]][this.#below(3)] ?? []
  }

  /** Made, then in any order: the other hears of it, and the coordinator's answer comes. */
  planRotation(machine: Machine): void {
    const { mesh } = this
    const { device } = machine
    const before = device.keys
    const next = mesh.newKeys(device)
    const made = this.#below(this.#below(2) === 0 ? 2 * SECOND : 100 * SECOND)
    const longest = this.#below(2) === 0 ? 50 : 40 * SECOND
    const other = machine === this.alice ? this.bob : this.alice
    this.#at(made, () => {
      machine.tell({ kind: 'own-keys', mesh: mesh.mesh, own: { keys: before, next: next.keys } })
      Object.assign(device, next)
    })
    this.#at(made + 1 + this.#below(longest), () => other.tellNetmap(mesh))
    this.#at(made + 1 + this.#below(longest), () => this.#onAccepted(machine, before))
  }

  /** At once, and nobody else hears of it. */
  rotate(machine: Machine): void {
    const { device } = machine
    const before = device.keys
    Object.assign(device, this.mesh.newKeys(device))
    this.#onAccepted(machine, before)
  }

  /** Both send a packet every 50 ms. */
  stream(duration: number): void {
    this.#plan.sort((a, b) => a.at - b.at)
    for (let time = 0; time < duration; time += 50) {
      while (this.#plan[0] !== undefined && this.#plan[0].at <= time) this.#plan.shift()?.run()
      this.#send(this.alice, this.bob)
      this.#send(this.bob, this.alice)
      this.network.run(50)
    }
    this.network.run(SECOND)
  }

  checkNothingLost(): void {
    for (const [from, to] of [
      [this.alice, this.bob],
      [this.bob, this.alice],
    ] as const) {
      const received = new Set(to.packets.map((packet) => numberOf(packet)))
      const missing = Array.from({ length: this.#sent.get(from) ?? 0 }, (_, i) => i).filter((i) => !received.has(i))
      assert.deepEqual(missing, [], `${this.where}: from ${from.device.name}`)
    }
  }

  forgetFormerKeys(): void {
    this.rest(HOUR + 61 * SECOND)
  }

  /** The fast path wants a heartbeat before packets pass again. */
  rest(duration: number): void {
    this.network.run(duration)
    for (const machine of this.network.machines) machine.wake()
  }

  #onAccepted(machine: Machine, before: Machine['device']['keys']): void {
    const until = wallTime(this.network.now.wall + HOUR)
    const { keys } = machine.device
    machine.tell({ kind: 'own-keys', mesh: this.mesh.mesh, own: { keys, former: { ...before, until } } })
  }

  #send(from: Machine, to: Machine): void {
    const number = this.#sent.get(from) ?? 0
    this.#sent.set(from, number + 1)
    const data = new Uint8Array(4)
    new DataView(data.buffer).setUint32(0, number)
    const [source, destination] = [from, to].map(({ device }) => device.address4) as [IpAddress, IpAddress]
    from.sendPacket(udpPacket({ source, destination, sourcePort: 5000, destinationPort: 5000, data }))
  }

  #at(at: number, run: () => void): void {
    this.#plan.push({ at, run })
  }

  #below(limit: number): number {
    return randomUint32(this.#random) % limit
  }
}

/** The payload of the test's own packets; nothing of others. */
function numberOf(packet: Uint8Array): number | undefined {
  if (packet.length !== 32 || packet[9] !== 17) return undefined
  return new DataView(packet.buffer, packet.byteOffset).getUint32(28)
}
