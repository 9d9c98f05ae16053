import type { Lab } from './lab.ts'
import type { Machine } from './machine.ts'
import { LabMesh, MeshNode, type NodeStatus } from './mesh.ts'
import { until } from './until.ts'

/** Three machines on one switch, joined; `progress` is told each step. */
export async function buildPlayground(
  lab: Lab,
  progress: (text: string) => void,
): Promise<{ readonly nodes: readonly MeshNode[]; readonly mesh: LabMesh }> {
  progress('three machines on one switch')
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const alice = lab.machine('alice')
  const others = [lab.machine('bob'), lab.machine('carol')]
  progress('alice runs the coordinator, and a node: weft serve')
  const mesh = await LabMesh.serve(alice, [])
  const nodes = [await selfOf(alice)]
  for (const machine of others) {
    progress(`${machine.name} joins: weft up LINK`)
    nodes.push(await mesh.join(machine))
  }
  progress('each finds the others')
  for (const node of nodes) await node.knows(...nodes.filter((other) => other !== node))
  return { nodes, mesh }
}

/** `weft serve` joins its own node on the side. */
async function selfOf(machine: Machine): Promise<MeshNode> {
  const self = await until(`${machine.name} is a node`, async () => {
    const status: NodeStatus = JSON.parse(await machine.weftOk('status', '--json'))
    return status.self?.addresses.length ? status.self : undefined
  })
  return new MeshNode(machine, self)
}
