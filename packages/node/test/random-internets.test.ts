/*
 * Random internets: three machines, each behind a router of any kind, or two behind one, with a relay and a STUN server.
 * Whatever the routers do, every pair ends in the best path that its routers allow, as a small oracle tells.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, type IpAddress, type Random, randomUint32 } from '@weft/base'
import { NAT_KINDS, type NatName, routedPrefix, SimulatedInternet, type SimulatedSite } from '@weft/testing'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { seededRandom, TestMesh } from './test-mesh.ts'

/** `RANDOM_INTERNETS=10000` for all of them, `FIRST_SEED=n` to begin elsewhere. */
const COUNT = Number(process.env.RANDOM_INTERNETS ?? 40)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1)
const STUN: readonly Endpoint[] = ['203.0.113.1:3478', '203.0.113.1:3479'] as Endpoint[]
const MACHINES = 3
const seen = { direct: 0, relayed: 0 }

test(`${COUNT} random internets end, for every pair, in the best path that each allows`, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
    const world = new World(seed)
    world.settle()
    world.check('at first')
    if (seed % 3 === 0) world.killCoordinator()
    world.move()
    world.settle()
    world.check('after a move')
  }
  assert.ok(seen.direct > 0 && seen.relayed > 0, 'the oracle saw both')
})

class World {
  readonly #seed: number
  readonly #random: Random
  readonly #internet: SimulatedInternet
  readonly #network = new SimulatedNetwork()
  readonly #mesh = new TestMesh()
  readonly #machines: Machine[] = []
  readonly #sites: SimulatedSite[] = []
  readonly #placed = new Map<Machine, SimulatedSite>()
  readonly #hasV6 = new Map<SimulatedSite, boolean>()
  #isCoordinatorUp = true
  #hosts = 0

  constructor(seed: number) {
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.#internet = new SimulatedInternet(this.#random)
    this.#network.internet = this.#internet
    this.#network.stunServers = STUN
    this.#network.isRelayUp = true
    for (let i = 0; i < MACHINES; i++) this.#sites.push(this.#site(i + 1))
    this.#mesh.grants = [{ reason: 'own device', account: this.#mesh.accountOf('ann'), protocol: 'any' }]
    for (let i = 0; i < MACHINES; i++) {
      const machine = new Machine(this.#network, this.#mesh.addDevice(`m${i}`), [], seed * 10 + i)
      this.#machines.push(machine)
      this.#place(machine, this.#pick(this.#sites))
      machine.start(this.#mesh)
      machine.setRelay('connected')
      machine.tell({ kind: 'stun-servers', mesh: this.#mesh.mesh, servers: STUN })
    }
  }

  /** What everybody published is told, and everybody sends to everybody for some seconds. */
  settle(): void {
    this.#network.run(3_000)
    this.#tellNetmaps()
    for (let round = 0; round < 5; round++) {
      for (const from of this.#machines) for (const to of this.#machines) if (from !== to) this.#send(from, to)
      this.#network.run(1_000)
    }
  }

  killCoordinator(): void {
    this.#isCoordinatorUp = false
  }

  /** One machine, or two, go elsewhere. */
  move(): void {
    for (const machine of this.#machines.slice(0, 1 + this.#below(2))) {
      this.#place(machine, this.#pick(this.#sites))
      machine.readdress(machine.addresses)
    }
  }

  check(when: string): void {
    for (const from of this.#machines) {
      for (const to of this.#machines) {
        if (from === to) continue
        const allowed = this.#bestPath(from, to)
        seen[allowed]++
        const where = `seed ${this.#seed}, ${when}: ${this.#describe(from)} → ${this.#describe(to)}`
        const outcome = from.ping(to.device.name, 2_000)
        assert.equal(outcome.kind, 'reply', where)
        assert.equal(from.pathTo(to.device.name)?.kind, allowed, where)
      }
    }
  }

  /** The oracle: direct, where one side's packets can open the way for the other's. */
  #bestPath(from: Machine, to: Machine): 'direct' | 'relayed' {
    const [a, b] = [this.#placed.get(from), this.#placed.get(to)] as [SimulatedSite, SimulatedSite]
    if (a === b) return 'direct'
    if (a.blocksUdp || b.blocksUdp) return 'relayed'
    if (this.#hasV6.get(a) && this.#hasV6.get(b)) return 'direct'
    return letsInAnyPort(a) || letsInAnyPort(b) || (!isHard(a) && !isHard(b)) ? 'direct' : 'relayed'
  }

  #site(number: number): SimulatedSite {
    const site: SimulatedSite = {
      kind: NAT_KINDS[this.#pick(Object.keys(NAT_KINDS) as NatName[])],
      outside: `198.51.100.${number}` as IpAddress,
      hairpin: this.#below(2) === 0,
      blocksUdp: this.#below(8) === 0,
    }
    this.#hasV6.set(site, this.#below(4) === 0)
    return site
  }

  #place(machine: Machine, site: SimulatedSite): void {
    const host = ++this.#hosts + 1
    const v4 = site.kind.mapping === 'none' ? `${routedPrefix(site, 4)}${host}` : `192.168.1.${host}`
    const v6 = this.#hasV6.get(site) ? [`${routedPrefix(site, 6)}${host.toString(16)}`] : []
    machine.addresses = [v4, ...v6] as IpAddress[]
    this.#placed.set(machine, site)
    this.#internet.place(machine.device.name, site, machine.addresses)
  }

  #tellNetmaps(): void {
    if (!this.#isCoordinatorUp) return
    for (const machine of this.#machines) this.#mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
    for (const machine of this.#machines) machine.tellNetmap(this.#mesh)
  }

  #send(from: Machine, to: Machine): void {
    from.tell({ kind: 'ping', token: 1_000_000 + this.#below(1_000_000), peer: to.device.name, timeout: 900 as never })
  }

  #describe(machine: Machine): string {
    const site = this.#placed.get(machine)
    const name = Object.entries(NAT_KINDS).find(([, kind]) => kind === site?.kind)?.[0]
    return `${machine.device.name} (${name}${site?.blocksUdp ? ', no UDP' : ''}, ${machine.addresses.join(' ')})`
  }

  #pick<T>(among: readonly T[]): T {
    return among[this.#below(among.length)] as T
  }

  #below(limit: number): number {
    return randomUint32(this.#random) % limit
  }
}

const isHard = ({ kind }: SimulatedSite): boolean => kind.mapping === 'random' || kind.mapping === 'sequential'
/** Lets in what comes from a port that it was not told of. */
const letsInAnyPort = ({ kind }: SimulatedSite): boolean => kind.filtering !== 'address-and-port'
