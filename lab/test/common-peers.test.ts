/*
 *   alice ─┐
 *   bob   ─┼─ internet   192.0.2.0/24; the core is the way to everywhere else
 *   carol ─┤
 *   dora  ─┘  the coordinator, with relay and STUN
 */
import assert from 'node:assert/strict'
import { type Lab, LabMesh, labTest, type MeshNode } from '../src/index.ts'

const timeout = 120_000

labTest(
  'with coordinator and relay gone, two that have other addresses both find each other by a third',
  async (lab) => {
    const { mesh, alice, bob, carol } = await world(lab)
    for (const node of [alice, bob]) await node.reaches(carol.v4)
    mesh.machine.kill()
    await alone(alice, bob, carol)
    await readdress(alice, 71)
    await readdress(bob, 72)
    // On one LAN they would hear each other without her.
    await deaf(alice, bob)
    await alice.reaches(bob.v4, { timeout: 30_000 })
    await bob.reaches(alice.v6)
  },
  { timeout },
)

labTest(
  'without anybody else, two on one LAN find each other',
  async (lab) => {
    const { mesh, alice, bob, carol } = await world(lab)
    mesh.machine.kill()
    carol.machine.kill()
    await alone(alice, bob)
    await readdress(alice, 71)
    await readdress(bob, 72)
    await alice.reaches(bob.v4, { timeout: 30_000 })
  },
  { timeout },
)

async function world(lab: Lab) {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('dora'))
  const [alice, bob, carol] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'), lab.machine('carol'))
  return { mesh, alice, bob, carol }
}

/** They have noticed that there is no coordinator. */
async function alone(...nodes: readonly MeshNode[]): Promise<void> {
  for (const node of nodes) assert.notEqual((await node.status()).coordinator?.state, 'connected')
}

async function readdress({ machine }: MeshNode, last: number): Promise<void> {
  await machine.ok('sh', '-c', `ip address flush dev eth0 scope global && ip address add 192.0.2.${last}/24 dev eth0`)
}

/** To what is said to all on the LAN. */
async function deaf(...nodes: readonly MeshNode[]): Promise<void> {
  for (const { machine } of nodes)
    await machine.ok(
      'sh',
      '-c',
      'nft add table inet deaf; nft "add chain inet deaf in { type filter hook input priority 0; }"; nft add rule inet deaf in udp dport 7482 drop',
    )
}
