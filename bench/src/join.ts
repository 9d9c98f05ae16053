/*
 *   alice (node) ─┬─ lan ─┬─ dora (coordinator)
 *   bob (joins)  ─┘       ┘
 */
import { Lab, LabMesh, type Machine, type MeshNode } from '@weft/lab'
import type { Measurement } from './measurement.ts'

/** From typing `weft up LINK` on a machine that never ran weft to the first answered ping of a peer. */
export async function benchJoin(rounds: number): Promise<readonly Measurement[]> {
  using lab = await Lab.create()
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const mesh = await LabMesh.serve(lab.machine('dora'))
  const alice = await mesh.join(lab.machine('alice'))
  const joined: number[] = []
  const pinged: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { up, ping } = await joinOnce(lab.machine(`bob${round}`), mesh, alice)
    joined.push(up)
    pinged.push(ping)
  }
  return [
    { name: 'weft up LINK until it returns', unit: 's', values: joined },
    { name: 'weft up LINK until the first answered ping', unit: 's', values: pinged },
  ]
}

async function joinOnce(
  machine: Machine,
  mesh: LabMesh,
  peer: MeshNode,
): Promise<{ readonly up: number; readonly ping: number }> {
  const { link } = await mesh.createLink()
  const started = performance.now()
  await machine.weftOk('up', link)
  const up = (performance.now() - started) / 1000
  while ((await machine.run('ping', '-c', '1', '-W', '1', '-n', peer.v4)).code !== 0) {
    if (performance.now() - started > 30_000) throw new Error(`${machine.name} does not reach ${peer.name}`)
  }
  return { up, ping: (performance.now() - started) / 1000 }
}
