/*
 * Random internets: three machines, each behind a router of any kind, or two behind one, at home behind a carrier, by IPv4,
 * IPv6 or both, of which one perhaps leads nowhere; with a relay and a STUN server, and a weather that loses, delays and
 * reorders. Whatever they do, every pair ends in the best path that its routers allow, as a small oracle tells, and that path
 * carries no longer packets than the network does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Endpoint, type Family, type IpAddress, milliseconds, type Random, randomUint32 } from '@weft/base'
import { NAT_KINDS, type NatName, routedPrefix, SimulatedInternet, type SimulatedSite } from '@weft/testing'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { seededRandom, TestMesh } from './test-mesh.ts'

/** `RANDOM_INTERNETS=10000` for all of them, `FIRST_SEED=n` to begin elsewhere. */
const COUNT = Number(process.env.RANDOM_INTERNETS ?? 40)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1)
const STUN: readonly Endpoint[] = ['203.0.113.1:3478', '203.0.113.1:3479'] as Endpoint[]
const MACHINES = 3
/** Pings until a pair has to be where it belongs. */
const PATIENCE = 12
/** 60 more than the tunnel's by IPv4, 80 by IPv6. */
const MTUS = [1500, 1500, 1492, 1460, 1400, 1280]
const seen = { direct: 0, relayed: 0, nested: 0, narrow: 0, blackHoles: 0 }

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
  assert.ok(
    Object.values(seen).every((count) => count > 0),
    `not all was seen: ${JSON.stringify(seen)}`,
  )
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
  readonly #families = new Map<SimulatedSite, readonly Family[]>()
  readonly #carrier: SimulatedSite
  #isCoordinatorUp = true
  readonly #isCalm: boolean
  #hosts = 0

  constructor(seed: number) {
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.#isCalm = this.#below(2) === 0
    this.#internet = new SimulatedInternet(this.#random)
    this.#network.internet = this.#internet
    this.#network.stunServers = STUN
    this.#network.isRelayUp = true
    this.#network.mtu = this.#pick(MTUS)
    this.#network.isBlackHole = this.#below(2) === 0
    this.#setWeather()
    this.#carrier = { ...this.#router(100), kind: NAT_KINDS[this.#pick(TRANSLATING)] }
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
        const ends = this.#reaches(from, to, allowed)
        assert.deepEqual(ends, { answered: true, kind: allowed }, where)
        this.#checkMtu(from, to, where)
      }
    }
  }

  /** How it ends: what is lost on the way, or makes a path look bad for a while, is given time. */
  #reaches(from: Machine, to: Machine, allowed: string): { readonly answered: boolean; readonly kind: string } {
    let [answered, kind] = [false, 'none']
    for (let i = 0; i < PATIENCE && !(answered && kind === allowed); i++) {
      answered = from.ping(to.device.name, 1_000).kind === 'reply'
      kind = from.pathTo(to.device.name)?.kind ?? 'none'
    }
    return { answered, kind }
  }

  /** No more than the network carries; where the weather is calm, the most. */
  #checkMtu(from: Machine, to: Machine, where: string): void {
    const path = from.pathTo(to.device.name)
    if (path?.kind !== 'direct') return
    const carried = this.#network.mtu - (path.endpoint.startsWith('[') ? 80 : 60)
    if (carried < 1420) seen.narrow++
    const { mtu = 0 } = path
    assert.ok(mtu <= Math.max(carried, 1280), `${where}: ${mtu} of ${carried}`)
    if (!this.#isCalm) return
    this.#network.run(2_500)
    const after = from.pathTo(to.device.name)
    if (after?.kind === 'direct' && after.endpoint === path.endpoint)
      assert.ok((after.mtu ?? 0) > Math.min(carried, 1420) - 40, `${where}: only ${after.mtu} of ${carried}`)
  }

  /** The oracle: direct, where one side's packets can open the way for the other's. */
  #bestPath(from: Machine, to: Machine): 'direct' | 'relayed' {
    const [a, b] = [this.#placed.get(from), this.#placed.get(to)] as [SimulatedSite, SimulatedSite]
    if (a === b) return 'direct'
    if (blocksUdp(a) || blocksUdp(b)) return 'relayed'
    if (this.#passes(a, b, 6)) return 'direct'
    if (!this.#passes(a, b, 4)) return 'relayed'
    if (a.behind !== undefined && a.behind === b.behind && !a.behind.hairpin) return 'relayed'
    return letsInAnyPort(a) || letsInAnyPort(b) || (!isHard(a) && !isHard(b)) ? 'direct' : 'relayed'
  }

  /** Whether both have the family, and it leads somewhere for both. */
  #passes(a: SimulatedSite, b: SimulatedSite, family: Family): boolean {
    return [a, b].every((site) => this.#families.get(site)?.includes(family) && site.blackHole !== family)
  }

  #site(number: number): SimulatedSite {
    if (this.#below(4) === 0) {
      seen.nested++
      const kind = NAT_KINDS[this.#pick(TRANSLATING)]
      const home = { ...this.#router(number), kind, outside: `10.64.0.${number}` as IpAddress, behind: this.#carrier }
      this.#families.set(home, [4])
      return home
    }
    const families = this.#pick<readonly Family[]>([[4], [4], [4], [4, 6], [4, 6], [6]])
    const blackHole = families.length > 1 && this.#below(3) === 0 ? this.#pick(families) : undefined
    if (blackHole !== undefined) seen.blackHoles++
    const site = { ...this.#router(number), blackHole }
    this.#families.set(site, families)
    return site
  }

  #router(number: number): SimulatedSite {
    return {
      kind: NAT_KINDS[this.#pick(Object.keys(NAT_KINDS) as NatName[])],
      outside: `198.51.100.${number}` as IpAddress,
      hairpin: this.#below(2) === 0,
      blocksUdp: this.#below(8) === 0,
    }
  }

  #setWeather(): void {
    if (this.#isCalm) return
    const leastDelay = milliseconds(this.#below(80))
    const weather = { loss: this.#below(6) / 100, duplication: this.#below(4) / 100, leastDelay }
    this.#network.setWeather({ ...weather, mostDelay: milliseconds(leastDelay + this.#below(60)) }, this.#random)
  }

  #place(machine: Machine, site: SimulatedSite): void {
    const host = ++this.#hosts + 1
    const v4 = site.kind.mapping === 'none' ? `${routedPrefix(site, 4)}${host}` : `192.168.1.${host}`
    const v6 = `${routedPrefix(site, 6)}${host.toString(16)}`
    machine.addresses = (this.#families.get(site) ?? []).map((family) => (family === 4 ? v4 : v6) as IpAddress)
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
    const carrier = Object.entries(NAT_KINDS).find(([, kind]) => kind === site?.behind?.kind)?.[0]
    const traits = [
      carrier === undefined ? '' : `, behind ${carrier}`,
      site?.blocksUdp || site?.behind?.blocksUdp ? ', no UDP' : '',
      site?.blackHole === undefined ? '' : `, IPv${site.blackHole} leads nowhere`,
    ]
    return `${machine.device.name} (${name}${traits.join('')}, ${machine.addresses.join(' ')})`
  }

  #pick<T>(among: readonly T[]): T {
    return among[this.#below(among.length)] as T
  }

  #below(limit: number): number {
    return randomUint32(this.#random) % limit
  }
}

const TRANSLATING = (Object.keys(NAT_KINDS) as NatName[]).filter((name) => NAT_KINDS[name].mapping !== 'none')
/** The routers between a machine and the internet. */
const routersOf = (site: SimulatedSite): readonly SimulatedSite[] =>
  site.behind === undefined ? [site] : [site, ...routersOf(site.behind)]
const isHard = (site: SimulatedSite): boolean =>
  routersOf(site).some(({ kind }) => kind.mapping === 'random' || kind.mapping === 'sequential')
/** Lets in what comes from a port that it was not told of. */
const letsInAnyPort = (site: SimulatedSite): boolean =>
  routersOf(site).every(({ kind }) => kind.filtering !== 'address-and-port')
const blocksUdp = (site: SimulatedSite): boolean => routersOf(site).some((each) => each.blocksUdp)
