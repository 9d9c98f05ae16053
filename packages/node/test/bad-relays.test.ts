/*
 *   alice ── symmetric NAT ──┐
 *                            ├─ internet, with two relays, one of which does not do as it should
 *   bob   ── symmetric NAT ──┘
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, randomFraction } from '@weft/base'
import type { NodeId } from '@weft/keys'
import { udpPacket } from '@weft/testing'
import type { Machine, Relayed } from './simulated-network.ts'
import { seededRandom } from './test-mesh.ts'
import { kinds, pair } from './two-sites.ts'

/** In ms; nearly all of it until the silence is noticed. */
const MOST_GAP = 2_000
/** Until a node that doubts a relay leaves it: docs/protocols/relay.md. */
const PROOF_WITHIN = 3_000

type Mischief = (frame: Relayed) => readonly Relayed[]

test('a relay that is cut off is left for the second within two seconds, however the talk went before', () => {
  for (let pause = 0; pause <= 8_000; pause += 250) {
    const world = new World()
    world.talk(600, 200)
    world.network.run(pause)
    world.talk(2_000)
    world.cut()
    const gap = world.talk(20_000)
    assert.ok(gap <= MOST_GAP, `after a pause of ${pause} ms: without an answer for ${gap} ms`)
  }
})

for (const way of ['alice', 'bob'] as const) {
  test(`a relay that answers for itself and carries nothing to ${way} is left, and hardly tried again`, () => {
    const world = new World()
    world.talk(2_000)
    world.spoil((frame) => (frame.to.device.name === way ? [] : [frame]))
    let without = 0
    for (let minute = 0; minute < 5; minute++) without += world.talk(60_000)
    assert.ok(without <= 5 * MOST_GAP, `without an answer for ${without} ms`)
    assert.ok(world.changes() <= 8, `${world.changes()} changes`)
  })
}

test('where each sends by another relay, the one who hears nothing has the other leave', () => {
  const world = new World()
  world.talk(2_000)
  const [first] = [world.relayOf(world.alice)]
  // Bob is heard by one relay, and alice by the other: neither sees more than that nothing comes back.
  world.spoil((frame) => (frame.to.device.name === (frame.relay === first ? 'alice' : 'bob') ? [] : [frame]), 'all')
  world.talk(5_000)
  world.network.onRelayed = (frame) => (frame.relay === first && frame.to.device.name === 'alice' ? [] : [frame])
  assert.ok(world.talk(20_000) <= 2 * MOST_GAP)
})

test('a relay that says of a peer that it is not there is not believed for long, and costs nothing', () => {
  const world = new World()
  world.talk(2_000)
  world.count()
  const bad = world.relayOf(world.alice)
  world.network.onRelayed = (frame) => {
    const sender = [world.alice, world.bob].find(({ device }) => device.id === frame.from)
    if (frame.relay === bad)
      sender?.tell({ kind: 'relay-absent', mesh: world.mesh, relay: bad, node: frame.to.device.id })
    return [frame]
  }
  assert.equal(world.talk(60_000), 0)
  assert.ok(world.changes() <= 20, `${world.changes()} changes`)
})

test('a stream in one direction, and the end of a talk, change no path', () => {
  const world = new World()
  world.talk(2_000)
  world.count()
  world.network.run(19_000)
  assert.equal(world.changes(), 0)
  const { bob } = world
  const before = bob.packets.length
  for (let i = 0; i < 600; i++) world.sendPacket(i)
  assert.equal(bob.packets.length - before, 600)
  assert.ok(world.changes() <= 1, `${world.changes()} changes`)
})

test('a peer of an older weft, which knows no probes by relay, is reached as well', () => {
  const world = new World()
  const isByRelay = ({ datagram }: Relayed) =>
    datagram[0] === 0x77 && (datagram.length === 79 || datagram.length === 78)
  world.network.onRelayed = (frame) => (isByRelay(frame) ? [] : [frame])
  world.talk(2_000)
  world.count()
  for (let i = 0; i < 600; i++) world.sendPacket(i)
  // As often as a relay that failed may be tried again.
  assert.ok(world.changes() <= 14, `${world.changes()} changes`)
  world.talk(10_000)
  const bad = world.relayOf(world.alice)
  world.spoil((frame) => (isByRelay(frame) || frame.relay === bad ? [] : [frame]), 'all')
  assert.ok(world.talk(20_000) <= 2 * MOST_GAP)
})

test('a peer that is gone without a word is asked for by both relays, and few changes are told', () => {
  const world = new World()
  world.talk(2_000)
  world.count()
  world.bob.isPlugged = false
  let asked = 0
  world.network.onRelayed = (frame) => {
    if (frame.from === world.alice.device.id && frame.datagram.length === 79) asked++
    return [frame]
  }
  world.talk(60_000)
  assert.ok(world.changes() <= 8, `${world.changes()} changes`)
  assert.ok(asked > 20 && asked < 200, `${asked} probes by relay`)
  world.bob.isPlugged = true
  assert.ok(world.talk(20_000) <= MOST_GAP)
})

test('what a relay drops, doubles, holds up, alters or gives another sender arrives once, from its sender, or not at all', () => {
  const world = new World()
  const carol = world.addPeer('carol')
  const random = seededRandom(11)
  const chance = (share: number) => randomFraction(random) < share
  world.network.onRelayed = (frame) => {
    if (chance(0.1)) return []
    const late = chance(0.3) ? instant(frame.at + 200) : frame.at
    const from = chance(0.1) ? (chance(0.5) ? carol : ('ee'.repeat(16) as NodeId)) : frame.from
    const altered = frame.datagram.slice()
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
    const copy = chance(0.3) ? [{ ...frame, at: instant(frame.at + 50) }] : []
    return [{ ...frame, at: late, from, ...(chance(0.1) ? { datagram: altered } : {}) }, ...copy]
  }
  for (let i = 0; i < 2_000; i++) world.sendPacket(i)
  const numbers = world.bob.packets.map((packet) => (packet.at(-2) ?? 0) * 256 + (packet.at(-1) ?? 0))
  assert.equal(new Set(numbers).size, numbers.length)
  assert.ok(numbers.length > 1_500, `${numbers.length} arrived`)
  const seen = world.bob.status().peers.find(({ name }) => name === 'carol')
  assert.equal(seen?.rxBytes, 0)
  assert.ok((world.bob.node.drops()['unknown-datagram'] ?? 0) > 10)
})

test('by the only relay, which loses, doubles and reorders, two nodes find their direct path within ten seconds', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { alice, bob, network } = pair('port-restricted', 'port-restricted')
    const random = seededRandom(seed)
    network.onRelayed = (frame) => {
      const copies = [0, 1].filter(() => randomFraction(random) < 0.4)
      return copies.map(() => ({ ...frame, at: instant(frame.at + 300 * randomFraction(random)) }))
    }
    for (let i = 0; i < 100; i++) {
      alice.tell({ kind: 'ping', token: i, peer: 'bob', timeout: 1_000 as never })
      network.run(100)
    }
    assert.deepEqual(kinds(alice, bob), ['direct', 'direct'], `seed ${seed}`)
  }
})

class World {
  readonly alice: Machine
  readonly bob: Machine
  readonly network
  readonly mesh
  readonly #mesh
  #bad: NodeId | undefined
  #doubts: readonly number[] = []
  #changes = 0

  constructor() {
    const { alice, bob, network, mesh } = pair('symmetric', 'symmetric', { relays: 2 })
    this.alice = alice
    this.bob = bob
    this.network = network
    this.#mesh = mesh
    this.mesh = mesh.mesh
  }

  relayOf(machine: Machine): NodeId {
    const path = machine.pathTo(machine === this.alice ? 'bob' : 'alice')
    return path?.kind === 'relayed' ? path.relay : assert.fail(`the path is ${path?.kind}`)
  }

  /** Known to both, and never there. */
  addPeer(name: string): NodeId {
    const { id } = this.#mesh.addDevice(name)
    for (const machine of [this.alice, this.bob]) machine.tellNetmap(this.#mesh)
    return id
  }

  /** From now on the relay by which alice sends, or both, do so. */
  spoil(mischief: Mischief, which: 'used' | 'all' = 'used'): void {
    const bad = this.relayOf(this.alice)
    this.network.onRelayed = (frame) => (which === 'all' || frame.relay === bad ? mischief(frame) : [frame])
    this.count()
  }

  /** Begins to count changes. */
  count(): void {
    this.#changes = this.#countChanges()
  }

  /** Nothing passes the relay by which alice sends, and who doubts it is answered as little. */
  cut(): void {
    this.#bad = this.relayOf(this.alice)
    this.#doubts = this.#countDoubts()
    this.spoil(() => [])
  }

  /** Of paths, as the users of both were told since they are counted. */
  changes(): number {
    return this.#countChanges() - this.#changes
  }

  /** Alice pings bob again and again; for how long there was no answer at most, in ms. */
  talk(milliseconds: number, every = 50): number {
    const before = this.alice.outputsOf('ping-answer').length
    const leaving = new Map<Machine, number>()
    for (let at = 0; at < milliseconds; at += every) {
      this.alice.tell({ kind: 'ping', token: at, peer: 'bob', timeout: 1_000 as never })
      this.network.run(every)
      this.#machines.forEach((machine, i) => {
        if ((this.#countDoubts()[i] ?? 0) > (this.#doubts[i] ?? 0) && !leaving.has(machine))
          leaving.set(machine, at + PROOF_WITHIN)
        if (leaving.get(machine) === at) machine.setRelay('away', this.#bad)
      })
    }
    this.network.run(1_000)
    const answered = new Set(
      this.alice
        .outputsOf('ping-answer')
        .slice(before)
        .flatMap(({ token, outcome }) => (outcome.kind === 'reply' ? [token] : [])),
    )
    let [gap, most] = [0, 0]
    for (let at = 0; at < milliseconds; at += every) {
      gap = answered.has(at) ? 0 : gap + every
      most = Math.max(most, gap)
    }
    return most
  }

  /** A numbered packet from alice to bob, who never says anything; ten a second. */
  sendPacket(number: number): void {
    const data = Uint8Array.of(number >> 8, number & 255)
    const [source, destination] = [this.alice.device.address4, this.bob.device.address4]
    this.alice.sendPacket(udpPacket({ source, destination, data }))
    this.network.run(100)
  }

  get #machines(): readonly Machine[] {
    return [this.alice, this.bob]
  }

  #countDoubts(): readonly number[] {
    const ofBad = (machine: Machine) => machine.outputsOf('doubt-relay').filter(({ relay }) => relay === this.#bad)
    return this.#bad === undefined ? [] : this.#machines.map((machine) => ofBad(machine).length)
  }

  #countChanges(): number {
    const logs = this.#machines.flatMap((machine) => machine.outputsOf('log'))
    return logs.filter(({ event }) => event === 'path changed').length
  }
}
