/*
 *   alice ─┐
 *   bob   ─┼─ lan   IPv4 alone, or IPv6 alone
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { type Lab, LabMesh, labTest, type SwitchNetwork } from '../src/index.ts'

for (const [family, network, endpoint] of [
  ['IPv4', { v4: '192.0.2.0/24' }, /^192\.0\.2\.\d+:\d+$/],
  ['IPv6', { v6: '2001:db8:1::/64' }, /^\[2001:db8:1::\w+\]:\d+$/],
] as const) {
  labTest(`a mesh on a network with ${family} alone carries both families inside`, async (lab) => {
    const [alice, bob] = await meshOf(lab, network)
    await alice.reaches(bob.v4)
    await bob.reaches(alice.v6)
    const path = (await alice.status()).peers.find(({ name }) => name === 'bob')?.path
    assert.match(path?.endpoint ?? '', endpoint)
  })
}

async function meshOf(lab: Lab, network: SwitchNetwork) {
  lab.switch('lan', network)
  const mesh = await LabMesh.serve(lab.machine('dora'))
  return mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
}
