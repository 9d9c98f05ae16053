/*
 * Random coordinators: netmaps in which devices come, go, are renamed, readdressed and swapped, by mistake or by malice; a
 * user who trusts some of them, devices that are revoked, and restarts. Whatever they do, a name or address that was seen with
 * one device leads to no other that was not trusted, unless the one is revoked, as a slow model tells; and nothing is withheld that the model lets through.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, type Random, randomUint32, toBase64 } from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { chainKeys, createRevocation, nodeAddress6 } from '@weft/identity'
import type { NodeId } from '@weft/keys'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { START, seededRandom, type TestDevice, TestMesh } from './test-mesh.ts'

/** `RANDOM_PLACES=5000` for many, `FIRST_SEED=n` to begin elsewhere. */
const COUNT = Number(process.env.RANDOM_PLACES ?? 150)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1)
const STEPS = 30
const NAMES = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']
const ADDRESSES = [1, 2, 3, 4, 5, 6, 7, 8].map((host) => `100.80.1.${host}` as IpAddress)
const seen = { withheld: 0, refused: 0, netmapRefused: 0, trusted: 0, own: 0, revoked: 0, restarts: 0 }

test(`${COUNT} random coordinators lead no name or address to another device than the user trusts`, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
    const world = new World(seed)
    for (let step = 0; step < STEPS; step++) world.step(step)
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} came to pass`)
})

/** To which device a name or address leads on the node. */
type Leads = (value: string) => NodeId | undefined
type Claim = Pick<Netmap['self'], 'id' | 'name' | 'address4'>

/** Whose a name or address is, by the book: the first that was seen with it, or whom the user named. */
class Model {
  readonly owners = new Map<string, NodeId>()
  self: Claim
  offered: Claim
  #shown: readonly Claim[] = []
  #offeredClaims: readonly Claim[] = []
  readonly #revoked = new Set<NodeId>()

  constructor(self: Claim) {
    this.self = self
    this.offered = self
  }

  tell(self: Claim, claims: readonly Claim[], leads: Leads): void {
    this.offered = self
    this.#offeredClaims = claims
    this.#take()
    this.#release(leads)
  }

  /** Whether there is something that cannot be trusted away. */
  trust(id: NodeId): boolean {
    const claim = [this.offered, ...this.claims].find((each) => each.id === id)
    if (claim === undefined) return true
    const wanted = [claim.name, claim.address4].filter((value) => !this.mayHave(id, value))
    const isOwn = (value: string) => value === this.self.name || value === this.self.address4
    if (wanted.some((value) => this.owners.get(value) === this.self.id && isOwn(value))) return false
    for (const value of wanted) this.owners.set(value, id)
    this.#take()
    return true
  }

  revoke(id: NodeId, leads: Leads): void {
    this.#revoked.add(id)
    this.#release(leads)
  }

  /** In the order in which the node looks at them. */
  get claims(): readonly Claim[] {
    return this.#shown.filter(({ id }) => !this.#revoked.has(id))
  }

  mayHave(id: NodeId, value: string): boolean {
    const owner = this.owners.get(value)
    return owner === undefined || owner === id
  }

  /** Names with the device that each leads to. */
  names(): ReadonlyMap<string, NodeId> {
    const named = [this.self, ...this.reached()].filter(({ id, name }) => this.owners.get(name) === id)
    return new Map(named.map(({ id, name }) => [name, id]))
  }

  reached(): readonly Claim[] {
    return this.claims.filter(({ id, address4 }) => this.owners.get(address4) === id)
  }

  /**
   * What revoked devices had is free where the netmap shows them, for their chains tell that they are meant. Which of several
   * that claim it is looked at first is the node's to choose: `leads` says whom it leads to there.
   */
  #release(leads: Leads): void {
    const gone = this.#shown.filter(({ id }) => this.#revoked.has(id))
    for (const { id } of gone) for (const [value, owner] of this.owners) if (owner === id) this.owners.delete(value)
    for (const what of ['address4', 'name'] as const) {
      for (const claim of [this.self, ...(what === 'name' ? this.reached() : this.claims)]) {
        const chosen = leads(claim[what])
        const isClaimed = [this.self, ...this.claims].some((each) => each.id === chosen && each[what] === claim[what])
        if (isClaimed && chosen !== undefined && !this.owners.has(claim[what])) this.owners.set(claim[what], chosen)
      }
    }
    this.#take()
  }

  #take(): void {
    if (this.mayHave(this.offered.id, this.offered.address4)) {
      this.self = this.offered
      this.#shown = this.#offeredClaims
    }
    for (const { id, name, address4 } of [this.self, ...this.claims]) {
      if (!this.mayHave(id, address4)) continue
      this.owners.set(address4, id)
      if (!this.owners.has(name)) this.owners.set(name, id)
    }
  }
}

class World {
  readonly #seed: number
  readonly #random: Random
  readonly #network = new SimulatedNetwork()
  readonly #mesh = new TestMesh()
  readonly #peers: readonly TestDevice[]
  readonly #own: TestDevice
  readonly #ids = new Map<IpAddress, NodeId>()
  readonly #steps: string[] = []
  readonly #model: Model
  #machine: Machine
  #claims: readonly Claim[] = []
  #self: Claim

  constructor(seed: number) {
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.#own = this.#mesh.addDevice('n0')
    this.#peers = ['n1', 'n2', 'n3', 'n4'].map((name) => this.#mesh.addDevice(name))
    for (const { id, keys } of [this.#own, ...this.#peers])
      this.#ids.set(nodeAddress6(this.#mesh.root.publicKey(crypto), keys.identity.publicKey(crypto), crypto), id)
    this.#self = { id: this.#own.id, name: 'n0', address4: ADDRESSES[0] as IpAddress }
    this.#model = new Model(this.#self)
    this.#machine = new Machine(this.#network, this.#own, ['192.0.2.1'], seed).start(this.#mesh)
    this.#tell(this.#self, [])
  }

  step(step: number): void {
    const draw = this.#below(10)
    if (draw === 0) this.#restart()
    else if (draw <= 2) this.#trust()
    else if (draw === 3 && this.#below(4) === 0) this.#revoke()
    else this.#tellOther()
    this.#check(`seed ${this.#seed}, step ${step}:\n${this.#steps.join('\n')}`)
  }

  #tellOther(): void {
    const stays = this.#claims.filter(() => this.#below(8) > 0)
    const comes = this.#peers.filter(({ id }) => !stays.some((each) => each.id === id) && this.#below(2) === 0)
    const claims = [
      ...stays.map((claim) => this.#changed(claim)),
      ...comes.map(({ id }) => ({ id, name: this.#pick(NAMES), address4: this.#pick(ADDRESSES) })),
    ]
    if (this.#below(6) === 0) swap(claims, this.#below(2) === 0 ? 'name' : 'address4')
    this.#tell(this.#below(5) === 0 ? this.#changed(this.#self) : this.#self, claims)
  }

  #changed(claim: Claim): Claim {
    const name = this.#below(6) === 0 ? this.#pick(NAMES) : claim.name
    return { ...claim, name, address4: this.#below(6) === 0 ? this.#pick(ADDRESSES) : claim.address4 }
  }

  #tell(self: Claim, claims: readonly Claim[]): void {
    this.#steps.push(
      `netmap ${[self, ...claims].map((each) => `${each.id.slice(0, 4)} ${each.name} ${each.address4}`)}`,
    )
    const before = this.#mesh.netmapFor(this.#own)
    const claimOf = new Map(before.peers.map((claim) => [claim.id, claim]))
    const peers = claims.flatMap((claim) => {
      const whole = claimOf.get(claim.id)
      return whole === undefined ? [] : [{ ...whole, ...claim }]
    })
    const netmap = { ...before, peers, self: { ...before.self, ...self } }
    this.#machine.tell({ kind: 'netmap', mesh: this.#mesh.mesh, netmap })
    this.#model.tell(self, claims, this.#leads())
    this.#claims = claims
    this.#self = self
    if (this.#model.self !== self) seen.netmapRefused++
  }

  #trust(): void {
    const { id } = this.#pick([this.#own, ...this.#peers])
    this.#steps.push(`trust ${id.slice(0, 4)}`)
    this.#machine.tell({ kind: 'trust', token: 1, peer: id })
    const outcome = this.#machine.outputsOf('trust-answer').at(-1)?.outcome
    const isAllowed = this.#model.trust(id)
    assert.equal(outcome?.kind !== 'own', isAllowed, this.#steps.join('\n'))
    if (!isAllowed) seen.own++
    else if (outcome?.kind === 'trusted' && outcome.moved.length > 0) seen.trusted++
  }

  #revoke(): void {
    const device = this.#pick(this.#peers)
    this.#steps.push(`revoke ${device.id.slice(0, 4)}`)
    seen.revoked++
    const seconds = Math.floor(START.wall / 1000)
    const fields = { revoked: chainKeys(device.chain).identityKey, signedAt: seconds, keptUntil: seconds + 86_400 }
    const revocation = createRevocation(fields, { key: this.#mesh.root }, crypto)
    this.#machine.tell({ kind: 'revocations', mesh: this.#mesh.mesh, revocations: [toBase64(revocation)] })
    this.#model.revoke(device.id, this.#leads())
  }

  #leads(): Leads {
    const { peers } = this.#machine.status()
    const names = this.#machine.node.names()[0]?.devices ?? []
    return (value) => {
      const named = names.find(({ name }) => name === value)?.addresses[1]
      return named === undefined
        ? peers.find(({ addresses }) => addresses[0] === value)?.id
        : this.#ids.get(named as IpAddress)
    }
  }

  #restart(): void {
    this.#steps.push('restart')
    seen.restarts++
    this.#machine.tell({ kind: 'stop' })
    const { netmap, known } = this.#machine.outputsOf('save-netmap').at(-1) ?? assert.fail('saved')
    const pins = this.#machine.outputsOf('save-pins').at(-1)?.pins ?? assert.fail('saved')
    this.#network.machines.length = 0
    const revoked = this.#machine.outputsOf('save-revocations').at(-1)
    const { revocations = [] } = revoked ?? {}
    const stored = { ...this.#mesh.membershipOf(this.#own), netmap, known, pins, revocations }
    this.#machine = new Machine(this.#network, this.#own, ['192.0.2.1'], this.#seed).startFrom(stored)
    this.#machine.outputs.push({ kind: 'save-netmap', mesh: this.#mesh.mesh, netmap, known })
    this.#machine.outputs.push({ kind: 'save-pins', mesh: this.#mesh.mesh, pins })
    if (revoked !== undefined) this.#machine.outputs.push(revoked)
    // What it refused it holds no more, and is told again.
    this.#tell(this.#self, this.#claims)
  }

  #check(where: string): void {
    const status = this.#machine.status()
    const model = this.#model
    const reached = new Map(status.peers.map(({ id, addresses }) => [addresses[0], id]))
    assert.deepEqual(sorted(reached), sorted(new Map(model.reached().map(({ id, address4 }) => [address4, id]))), where)
    const devices = this.#machine.node.names()[0]?.devices ?? []
    const named = new Map(devices.map(({ name, addresses }) => [name, this.#ids.get(addresses[1] as IpAddress)]))
    assert.deepEqual(sorted(named), sorted(model.names()), where)
    assert.equal(devices.length, named.size, where)
    const moved = [model.offered, ...model.claims].flatMap(({ id, name, address4 }) =>
      [name, address4].filter((value) => !model.mayHave(id, value)).map((value) => `${id} ${value}`),
    )
    assert.deepEqual(status.moved.map(({ id, value }) => `${id} ${value}`).sort(), moved.sort(), where)
    seen.withheld += status.peers.filter(({ nameWithheld }) => nameWithheld).length
    seen.refused += status.refused.length
  }

  #pick<T>(among: readonly T[]): T {
    return among[this.#below(among.length)] as T
  }

  #below(limit: number): number {
    return randomUint32(this.#random) % limit
  }
}

function swap(claims: Claim[], what: 'name' | 'address4'): void {
  const [a, b] = claims
  if (a === undefined || b === undefined) return
  claims[0] = { ...a, [what]: b[what] }
  claims[1] = { ...b, [what]: a[what] }
}

const sorted = (map: ReadonlyMap<unknown, unknown>): readonly string[] =>
  [...map].map(([key, value]) => `${key} ${value}`).sort()
