/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘
 */
import assert from 'node:assert/strict'
import {
  Internet,
  type Lab,
  LabMesh,
  labTest,
  type MeshNode,
  type NatName,
  type SiteOptions,
  until,
} from '../src/index.ts'

const timeout = 120_000

interface World {
  readonly internet: Internet
  readonly mesh: LabMesh
  readonly alice: MeshNode
  readonly bob: MeshNode
}

async function world(lab: Lab, a: NatName | SiteOptions, b: NatName | SiteOptions): Promise<World> {
  const internet = await Internet.create(lab)
  const mesh = await LabMesh.serve(await internet.host('dora'))
  const [left, right] = await Promise.all(
    [a, b].map((nat, i) => internet.site(`s${i}`, typeof nat === 'string' ? { nat } : nat)),
  )
  if (left === undefined || right === undefined) throw new Error('two sites were made')
  const [alice, bob] = await mesh.joinAll(await left.host('alice'), await right.host('bob'))
  return { internet, mesh, alice, bob }
}

async function pathKind(from: MeshNode, to: MeshNode): Promise<string> {
  const { peers } = await from.status()
  return peers.find(({ name }) => name === to.name)?.path.kind ?? 'unknown'
}

/** Packets flow until the path is of that kind. */
async function endsUp(from: MeshNode, to: MeshNode, kind: string): Promise<void> {
  await until(
    `${from.name} reaches ${to.name} ${kind}`,
    async () => {
      await from.ping(to.v4)
      const seen = await pathKind(from, to)
      if (seen !== kind) throw new Error(`the path is ${seen}`)
      return true
    },
    { timeout: 30_000 },
  )
}

for (const [a, b] of [
  ['port-restricted', 'port-restricted'],
  ['full-cone', 'symmetric'],
  ['address-restricted', 'symmetric'],
  ['firewall', 'port-restricted'],
] as const) {
  labTest(
    `behind ${a} and ${b}, the first packet arrives and the path becomes direct`,
    async (lab) => {
      const { alice, bob } = await world(lab, a, b)
      assert.equal(await alice.ping(bob.v4), 0)
      await endsUp(alice, bob, 'direct')
      await endsUp(bob, alice, 'direct')
    },
    { timeout },
  )
}

for (const [a, b] of [
  ['symmetric', 'symmetric'],
  ['symmetric', 'port-restricted'],
] as const) {
  labTest(
    `behind ${a} and ${b}, packets go by relay`,
    async (lab) => {
      const { alice, bob } = await world(lab, a, b)
      assert.equal(await alice.ping(bob.v4), 0)
      assert.equal(await alice.ping(bob.v6, 20, 0.1), 0)
      assert.equal(await pathKind(alice, bob), 'relayed')
      assert.equal(await pathKind(bob, alice), 'relayed')
    },
    { timeout },
  )
}
