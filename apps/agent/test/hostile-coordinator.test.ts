/*
 * A coordinator that was taken over, with all its keys, against agents that knew each other before. What it may do and what
 * not: docs/protocols/channel.md, "Who can do what". Agents and command line are the real ones.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Endpoint, type IpAddress, type Prefix, toBase64 } from '@weft/base'
import type { Netmap, NetmapPeer, NetmapRecord } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom } from '@weft/crypto'
import { createRecord, generateNodeKeys } from '@weft/identity'
import { type MeshId, PrivateKey } from '@weft/keys'
import type { AgentStatus } from '../src/index.ts'
import { HostileCoordinator } from './hostile-coordinator.ts'
import { type TestAgent, TestMesh } from './test-mesh.ts'

const cli = fileURLToPath(import.meta.resolve('../../cli/src/main.ts'))

test('a swapped node key takes the peer away, and puts nobody in its place', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  scene.tellOf(bob, ({ record }) => {
    const bytes = Uint8Array.from(Buffer.from(record, 'base64'))
    bytes.set(crypto.x25519PublicKey(generateNodeKeys(systemRandom).node.expose()), 41)
    return { record: toBase64(bytes) }
  })
  await alice.until(({ refused }) => refused.some(({ reason }) => reason === 'record-forged'))
  await scene.reachesNot(hostile.device(bob).claim.address4, 'peer-refused')
  assert.match(await weft(alice, 'status'), /refused .* its keys are not signed by itself/)
  scene.tellOf(bob, () => ({}))
  await scene.reachesAgain(bob)
})

test('a device that the root did not certify gets nothing', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const place = { name: 'eve', address4: scene.free(1) }
  const foreign = hostile.invent(place, PrivateKey.generate('root', systemRandom))
  const borrowed = {
    ...hostile.invent({ name: 'mallory', address4: scene.free(2) }),
    chain: hostile.device(bob).claim.chain,
  }
  hostile.tell(alice, (netmap) => ({ ...netmap, peers: [...netmap.peers, foreign, borrowed] }))
  const { refused, peers } = await alice.until(({ refused }) => refused.length === 2)
  assert.deepEqual(refused.map(({ reason }) => reason).sort(), ['chain-foreign', 'identity-mismatch'])
  assert.equal(peers.length, 2)
  await scene.reachesNot('eve', 'peer-refused')
  await scene.reachesAgain(bob)
})

test('a device that the stolen root key certified comes in as a stranger, never as somebody known', async () => {
  await using scene = await Scene.open()
  const { alice, bob, carol, hostile } = scene
  const [known, other] = [hostile.device(bob).claim, hostile.device(carol).claim]
  const stranger = hostile.invent({ name: 'eve', address4: scene.free(1) })
  const byName = hostile.invent({ name: known.name, address4: scene.free(2) })
  const byAddress = hostile.invent({ name: 'mallory', address4: other.address4 })
  hostile.tell(alice, (netmap) => ({ ...netmap, peers: [stranger, byName, byAddress] }))
  const status = await alice.until(({ peers }) => peers.length === 2)
  assert.deepEqual(
    status.peers.map(({ id, nameWithheld }) => [id, nameWithheld]).sort(),
    [
      [stranger.id, false],
      [byName.id, true],
    ].sort(),
  )
  assert.deepEqual(status.refused, [{ id: byAddress.id, name: 'mallory', reason: 'address-pinned' }])
  await scene.reachesNot(known.name, 'name-pinned')
  await scene.reachesNot(other.address4, 'peer-refused')
})

test('an old record does not come back, after a restart neither', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const { keys } = hostile.device(bob)
  scene.tellOf(bob, () => ({ record: toBase64(createRecord(keys, 7, crypto)) }))
  await scene.reachesAgain(bob)
  scene.tellOf(bob, () => ({}))
  await alice.until(({ refused }) => refused.some(({ reason }) => reason === 'record-superseded'))
  await alice.stop()
  await alice.start()
  const { refused } = await alice.until(({ coordinator }) => coordinator?.state === 'connected')
  assert.deepEqual(
    refused.map(({ reason }) => reason),
    ['record-superseded'],
  )
  assert.match(await weft(alice, 'status'), /an old record was brought back/)
})

test('an old netmap that is told again brings back nothing that was superseded or trusted since', async () => {
  await using scene = await Scene.open()
  const { alice, bob, carol, hostile } = scene
  const old = hostile.tell(alice, (netmap) => netmap)
  const before = hostile.device(bob).claim.name
  hostile.tell(alice, (netmap) => ({
    ...netmap,
    peers: netmap.peers.map((peer) => {
      if (peer.id === hostile.device(carol).claim.id) return { ...peer, name: before }
      return { ...peer, name: 'nas', record: toBase64(createRecord(hostile.device(bob).keys, 2, crypto)) }
    }),
  }))
  await alice.until(({ moved }) => moved.length === 1)
  await weft(alice, 'trust', before)
  hostile.send(alice, old)
  const status = await alice.until(({ refused }) => refused.length === 1)
  assert.deepEqual(
    status.refused.map(({ id, reason }) => [id, reason]),
    [[hostile.device(bob).claim.id, 'record-superseded']],
  )
  await scene.reachesNot(before, 'peer-refused')
})

test('a split of the mesh ends the tunnels between its parts, and says so', async () => {
  await using scene = await Scene.open()
  const { alice, bob, carol, hostile } = scene
  const without = (agent: TestAgent) => (netmap: Netmap) => ({
    ...netmap,
    peers: netmap.peers.filter(({ id }) => id !== hostile.device(agent).claim.id),
  })
  hostile.tell(alice, without(bob))
  hostile.tell(bob, without(alice))
  await bob.until(({ peers }) => peers.length === 1)
  const { coordinator } = await alice.until(({ peers }) => peers.length === 1)
  assert.equal(coordinator?.removed?.peers, 1)
  await scene.reachesNot(hostile.device(bob).claim.address4, 'unknown-peer')
  await scene.reachesAgain(carol)
  await scene.reachesAgain(carol, bob)
})

test('a name that is given to another device means nobody, until the user trusts it', async () => {
  await using scene = await Scene.open()
  const { alice, bob, carol, hostile } = scene
  const [known, other] = [hostile.device(bob).claim, hostile.device(carol).claim]
  hostile.tell(alice, (netmap) => ({
    ...netmap,
    peers: netmap.peers.filter(({ id }) => id === other.id).map((peer) => ({ ...peer, name: known.name })),
  }))
  await alice.until(({ moved }) => moved.length === 1)
  const error = await scene.reachesNot(known.name, 'name-pinned')
  assert.match(error.message, new RegExp(`weft trust ${known.name}`))
  assert.equal(await alice.reaches(other.address4), true)
  const shown = await weft(alice, 'status')
  const sign = `moved +name ${known.name} was ${known.id.slice(0, 8)} \\(last seen .*\\), and is claimed by ${other.id.slice(0, 8)}, a device of owner; .*: sudo weft trust ${known.name}`
  assert.match(shown, new RegExp(sign))
  assert.match(shown, new RegExp(`${known.name} \\(name withheld\\)`))
  assert.match(await weft(alice, 'peers'), new RegExp(sign))
  const status = JSON.parse(await weft(alice, 'status', '--json')) as AgentStatus
  assert.equal(status.peers[0]?.nameWithheld, true)
  assert.deepEqual(
    status.moved.map(({ kind, value, holder }) => [kind, value, holder.id]),
    [['name', known.name, known.id]],
  )
  assert.equal(logged(alice, 'name withheld'), 1)

  assert.match(await weft(alice, 'trust', known.name), new RegExp(`^name ${known.name} was .* now ${other.id}`))
  assert.equal(await alice.reaches(known.name), true)
  assert.doesNotMatch(await weft(alice, 'status'), /moved|withheld/)
  assert.match(await weft(alice, 'trust', known.name), /has its name and address/)
})

test('an address that is given to another device leads nowhere, until the user trusts it, and then for good', async () => {
  await using scene = await Scene.open()
  const { alice, bob, carol, hostile } = scene
  const [known, other] = [hostile.device(bob).claim, hostile.device(carol).claim]
  const swapped = (netmap: Netmap) => ({
    ...netmap,
    peers: netmap.peers.map((peer) => ({
      ...peer,
      address4: peer.id === known.id ? other.address4 : known.address4,
    })),
  })
  hostile.tell(alice, swapped)
  await alice.until(({ refused }) => refused.length === 2)
  for (const address of [known.address4, other.address4]) {
    const error = await scene.reachesNot(address, 'peer-refused')
    assert.match(error.message, /address was another device's; .* sudo weft trust/)
  }
  assert.match(await weft(alice, 'status'), /refused .* its address was seen with another device/)
  const trusted = JSON.parse(await weft(alice, 'trust', other.id, '--json'))
  assert.deepEqual(
    [trusted.id, trusted.moved[0].value, trusted.moved[0].before.id],
    [other.id, known.address4, known.id],
  )
  const { refused, peers } = await alice.status()
  assert.deepEqual([refused.map(({ id }) => id), peers.map(({ id }) => id)], [[known.id], [other.id]])
  await weft(alice, 'trust', known.id)
  assert.deepEqual((await alice.status()).refused, [])
  await alice.stop()
  await alice.start()
  const after = await alice.until(({ coordinator }) => coordinator?.state === 'connected')
  assert.deepEqual([after.refused, after.moved, after.peers.length], [[], [], 2])
})

test('a record of the mesh does not lead a device’s name elsewhere', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const { name, id } = hostile.device(bob).claim
  const eve = hostile.invent({ name: 'eve', address4: scene.free(1) })
  const records: NetmapRecord[] = [{ name, type: 'A', value: eve.address4 }]
  hostile.tell(alice, (netmap) => ({
    ...netmap,
    records,
    peers: [...netmap.peers.filter((peer) => peer.id !== id), eve],
  }))
  await alice.until(({ peers }) => peers.some((peer) => peer.id === eve.id))
  await scene.reachesNot(name, 'unknown-peer')
})

test('an empty netmap ends the tunnels, and says who took the peers away', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  hostile.tell(alice, (netmap) => ({ ...netmap, peers: [], grants: [] }))
  const { coordinator } = await alice.until(({ peers }) => peers.length === 0)
  assert.equal(coordinator?.removed?.peers, 2)
  await scene.reachesNot(hostile.device(bob).claim.address4, 'unknown-peer')
  assert.match(await weft(alice, 'status'), /No peers: the coordinator took 2 away/)
  hostile.tell(alice, (netmap) => netmap)
  await scene.reachesAgain(bob)
})

test('a netmap that is too large is no message, and the last goes on', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const record = (index: number): NetmapRecord => ({ name: `r${index}`, type: 'TXT', value: 'x' })
  const records = Array.from({ length: 4_097 }, (_, index) => record(index))
  const endpoints = Array.from({ length: 33 }, (_, index) => `192.0.2.1:${index + 1}` as Endpoint)
  const lies: ((netmap: Netmap) => Netmap)[] = [
    (netmap) => ({ ...netmap, records }),
    (netmap) => ({ ...netmap, peers: netmap.peers.map((peer) => ({ ...peer, endpoints })) }),
    (netmap) => ({ ...netmap, peers: [...netmap.peers, ...netmap.peers] }),
    (netmap) => ({ ...netmap, peers: netmap.peers.map((peer) => ({ ...peer, name: 'x'.repeat(64) })) }),
  ]
  for (const lie of lies) {
    const told = hostile.tell(alice, lie)
    await alice.until(({ coordinator }) => coordinator?.state === 'away')
    hostile.tell(alice, (netmap) => netmap)
    await alice.up()
    const { peers } = await alice.until(({ coordinator }) => coordinator?.state === 'connected')
    assert.equal(peers.length, 2, JSON.stringify(told).slice(0, 200))
  }
  await scene.reachesAgain(bob)
})

test('nobody is this device: not by its id, its address nor its name', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const own = hostile.device(alice).claim
  const byAddress = hostile.invent({ name: 'eve', address4: own.address4 })
  const byName = hostile.invent({ name: own.name, address4: scene.free(2) })
  const twin = { ...own, address4: scene.free(3) }
  hostile.tell(alice, (netmap) => ({ ...netmap, peers: [...netmap.peers, byAddress, byName, twin] }))
  const status = await alice.until(({ refused }) => refused.length === 2)
  assert.deepEqual(
    status.refused.map(({ id, reason }) => [id, reason]).sort(),
    [
      [byAddress.id, 'is-self'],
      [own.id, 'is-self'],
    ].sort(),
  )
  assert.equal(status.peers.find(({ id }) => id === byName.id)?.nameWithheld, true)
  assert.match(await weftFails(alice, 'trust', byName.id), /is this device's own/)
  await scene.reachesAgain(bob)
})

test('a netmap of another mesh, with addresses or names of the internet, or for another device is refused, and the last goes on', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const known = hostile.device(bob).claim
  const lies: Readonly<Record<string, (netmap: Netmap) => Netmap>> = {
    'foreign-mesh': (netmap) => ({ ...netmap, peers: [], mesh: { ...netmap.mesh, id: 'ab'.repeat(16) as MeshId } }),
    'range-not-private': (netmap) => ({ ...netmap, peers: [], mesh: { ...netmap.mesh, range: '8.0.0.0/8' as Prefix } }),
    'domain-moved': (netmap) => ({ ...netmap, peers: [], mesh: { ...netmap.mesh, domain: 'com' } }),
    'foreign-self': (netmap) => ({ ...netmap, peers: [], self: { ...netmap.self, id: known.id } }),
    'self-outside-range': (netmap) => ({
      ...netmap,
      peers: [],
      self: { ...netmap.self, address4: '8.8.8.8' as IpAddress },
    }),
    'self-address-pinned': (netmap) => ({ ...netmap, peers: [], self: { ...netmap.self, address4: known.address4 } }),
  }
  for (const [reason, lie] of Object.entries(lies)) {
    hostile.tell(alice, lie)
    const { coordinator, peers } = await alice.until(
      ({ coordinator }) => coordinator?.reason?.endsWith(reason) ?? false,
    )
    assert.equal(coordinator?.state, 'connected')
    assert.equal(peers.length, 2)
  }
  assert.match(await weft(alice, 'status'), /coordinator .*its netmap is refused, and the last one goes on/)
  await scene.reachesAgain(bob)
})

test('a revocation that nobody above the device signed changes nothing', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const byRoot = hostile.revocationOf(bob, { key: hostile.root })
  const altered = byRoot.with(byRoot.length - 1, (byRoot.at(-1) ?? 0) ^ 1)
  const foreign = hostile.revocationOf(bob, { key: PrivateKey.generate('root', systemRandom) })
  const besides = hostile.revocationOf(bob, hostile.inventAccount())
  const revocations = [altered, foreign, besides, byRoot.slice(0, 50)].map(toBase64)
  const told = hostile.tell(alice, (netmap) => ({ ...netmap, revocations, grants: [] }))
  assert.equal(told.peers.length, 2)
  await alice.until(({ dropped }) => (dropped['revocation-refused'] ?? 0) >= 3)
  assert.equal(logged(alice, 'revocation refused'), 1)
  const { refused, peers, state } = await alice.status()
  assert.deepEqual([refused, peers.length, state], [[], 2, 'up'])
  await scene.reachesAgain(bob)
})

test('the stolen root key revokes a device, and only then its name and address are another’s', async () => {
  await using scene = await Scene.open()
  const { alice, bob, hostile } = scene
  const { id, name, address4 } = hostile.device(bob).claim
  const heir = hostile.invent({ name, address4 })
  const all = (netmap: Netmap) => ({ ...netmap, peers: [...netmap.peers, heir] })
  hostile.tell(alice, all)
  await alice.until(({ refused }) => refused.some((peer) => peer.id === heir.id))
  const revocations = [toBase64(hostile.revocationOf(bob, { key: hostile.root }))]
  hostile.tell(alice, (netmap) => ({ ...all(netmap), revocations }))
  const status = await alice.until(({ peers }) => peers.some((peer) => peer.id === heir.id))
  assert.deepEqual(
    status.refused.map((each) => [each.id, each.reason]),
    [[id, 'revoked']],
  )
  assert.deepEqual(status.moved, [])
  assert.match(await weft(alice, 'status'), new RegExp(`refused .*\\(${id.slice(0, 8)}\\)`))
  hostile.tell(alice, (netmap) => netmap)
  const after = await alice.until(({ refused }) => refused.length === 1)
  assert.deepEqual(
    after.refused.map(({ reason }) => reason),
    ['revoked'],
  )
})

/** alice, bob and carol, who reach each other, and then the coordinator is taken over. */
class Scene implements AsyncDisposable {
  readonly mesh: TestMesh
  readonly hostile: HostileCoordinator
  readonly alice: TestAgent
  readonly bob: TestAgent
  readonly carol: TestAgent

  private constructor(mesh: TestMesh, hostile: HostileCoordinator) {
    this.mesh = mesh
    this.hostile = hostile
    const [alice, bob, carol] = mesh.agents
    assert.ok(alice !== undefined && bob !== undefined && carol !== undefined)
    this.alice = alice
    this.bob = bob
    this.carol = carol
  }

  static async open(): Promise<Scene> {
    const mesh = await TestMesh.start()
    for (const name of ['alice', 'bob', 'carol']) {
      const agent = await mesh.agent(name).start()
      await agent.up(await mesh.link())
    }
    for (const agent of mesh.agents)
      await agent.until(({ peers }) => peers.length === 2 && peers.every(({ path }) => path.kind !== 'none'))
    const scene = new Scene(mesh, await HostileCoordinator.takeOver(mesh))
    await scene.reachesAgain(scene.bob)
    await scene.reachesAgain(scene.carol)
    return scene
  }

  /** To alice, of one of her peers. */
  tellOf(agent: TestAgent, lie: (honest: NetmapPeer) => Partial<NetmapPeer>): void {
    const { id } = this.hostile.device(agent).claim
    this.hostile.tell(this.alice, (netmap) => ({
      ...netmap,
      peers: netmap.peers.map((peer) => (peer.id === id ? { ...peer, ...lie(peer) } : peer)),
    }))
  }

  /** An address of the range that no device was seen with. */
  free(index: number): IpAddress {
    const parts = this.hostile.device(this.alice).claim.address4.split('.')
    return [...parts.slice(0, 3), 100 + index].join('.') as IpAddress
  }

  async reachesNot(peer: string, code: string): Promise<Error> {
    const error: unknown = await this.alice.reaches(peer).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof Error && 'code' in error, `${peer} is refused with ${code}`)
    assert.equal(error.code, code)
    return error
  }

  async reachesAgain(agent: TestAgent, from = this.alice): Promise<void> {
    const { id, address4 } = this.hostile.device(agent).claim
    await from.until(({ peers }) => peers.some((peer) => peer.id === id))
    for (let tries = 0; tries < 5; tries++) if (await from.reaches(address4)) return
    assert.fail(`${address4} is not reached`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.mesh.agents) await agent.stop()
    await this.hostile[Symbol.asyncDispose]()
    await this.mesh[Symbol.asyncDispose]()
  }
}

const logged = (agent: TestAgent, event: string): number =>
  agent.log.lines.filter((line) => line.includes(` ${event} `)).length

async function weft(agent: TestAgent, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(agent, args)
  assert.equal(code, 0, stderr)
  return stdout
}

async function weftFails(agent: TestAgent, ...args: readonly string[]): Promise<string> {
  const { code, stderr } = await run(agent, args)
  assert.equal(code, 1)
  assert.match(stderr, /^weft: [^\n]+\n$/)
  return stderr
}

async function run(agent: TestAgent, args: readonly string[]) {
  const child = spawn(process.execPath, [cli, ...args, '--socket', agent.socket], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, stdout, stderr }
}
