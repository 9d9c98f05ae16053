/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘          └── rita, a relay with STUN
 */
import assert from 'node:assert/strict'
import { Internet, type Lab, LabMesh, LabRelay, labTest, type MeshNode, until } from '../src/index.ts'

const timeout = 120_000

labTest(
  'with coordinator and its relay gone, a relay elsewhere carries on, also for who comes back',
  async (lab) => {
    const { mesh, alice, bob, rita } = await world(lab)
    assert.equal(await alice.ping(bob.v4, 3), 0)
    mesh.machine.kill()
    await alice.reaches(bob.v4)
    assert.equal((await homeOf(alice)).home, rita.id)
    // All that it knows then is what it holds itself.
    await bob.machine.weftOk('down')
    await bob.machine.weftOk('up')
    await bob.reaches(alice.v6)
    await alice.reaches(bob.v4)
    // A new agent has no path yet: nothing but the relay reaches it.
    const { peers } = await alice.status()
    assert.equal(peers.find(({ name }) => name === 'bob')?.path.kind, 'relayed')
  },
  { timeout },
)

labTest(
  'a relay that is told to end has its nodes elsewhere before it does',
  async (lab) => {
    const { alice, bob, rita } = await world(lab)
    assert.equal((await rita.process.stop()).code, 0)
    await alice.reaches(bob.v4)
    assert.notEqual((await homeOf(alice)).home, rita.id)
  },
  { timeout },
)

interface World {
  readonly mesh: LabMesh
  readonly rita: LabRelay
  readonly alice: MeshNode
  readonly bob: MeshNode
}

/** Behind NATs through which no direct path leads. */
async function world(lab: Lab): Promise<World> {
  const internet = await Internet.create(lab)
  const mesh = await LabMesh.serve(await internet.host('dora'))
  const rita = await LabRelay.serve(await internet.host('rita'), mesh)
  const [left, right] = await Promise.all(['left', 'right'].map((name) => internet.site(name, { nat: 'symmetric' })))
  if (left === undefined || right === undefined) throw new Error('two sites were made')
  const [alice, bob] = await mesh.joinAll(await left.host('alice'), await right.host('bob'))
  for (const node of [alice, bob])
    await until(`${node.name} is connected to both relays`, async () => {
      const { relays } = await homeOf(node)
      return relays.filter(({ state }) => state === 'connected').length === 2
    })
  return { mesh, rita, alice, bob }
}

interface RelayStatus {
  readonly home: string | null
  readonly relays: readonly { readonly id: string; readonly state: string; readonly rttMs?: number }[]
}

async function homeOf(node: MeshNode): Promise<RelayStatus> {
  const { relay } = JSON.parse(await node.machine.weftOk('status', '--json'))
  return relay
}
