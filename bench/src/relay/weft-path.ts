import { endsUp, type Lab, LabMesh, until } from '@weft/lab'
import { blockUdp, LAN, type WholePath } from './whole-path.ts'

/** Two agents, and `weft serve`. */
export async function weftPath(lab: Lab): Promise<WholePath> {
  const lan = lab.switch('weft', LAN)
  const mesh = await LabMesh.serve(lab.machine('weft-dora', { on: lan }))
  const machines = [lab.machine('weft-alice', { on: lan }), lab.machine('weft-bob', { on: lan })] as const
  const agents = []
  for (const machine of machines) {
    await blockUdp(machine)
    const agent = machine.spawnWeft('agent')
    await until(`${machine.name} has an agent`, async () => (await machine.weft('status')).code === 0)
    agents.push(agent)
  }
  const [alice, bob] = await mesh.joinAll(...machines)
  await endsUp(alice, bob, 'relayed')
  return { name: 'weft', alice: alice.machine, bob: bob.machine, address: bob.v4, processes: [mesh.process, ...agents] }
}
