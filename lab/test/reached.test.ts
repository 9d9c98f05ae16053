/*
 *   dora, the coordinator ──────────────┐
 *                                       ├─ internet ── rita, a relay
 *   desktop, the coordinator ── router ─┘
 */
import assert from 'node:assert/strict'
import { Internet, LabMesh, LabRelay, labTest, type Machine } from '../src/index.ts'

const timeout = 120_000
const PORT = 7480

labTest(
  'a coordinator at a public address learns from a relay that it is reached, and behind a firewall that it is not',
  async (lab) => {
    const internet = await Internet.create(lab)
    const dora = await internet.host('dora')
    const mesh = await LabMesh.serve(dora)
    const rita = await LabRelay.serve(await internet.host('rita'), mesh)
    await mesh.process.line(/"event":"reached from outside".*"outcome":"answered"/)
    assert.equal(
      await announced(mesh),
      `Reached from outside: yes, at ${dora.v4}:${PORT} (tested by relay ${rita.id.slice(0, 8)}).`,
    )
    await dora.ok('nft', 'add table inet wall')
    await dora.ok('nft', 'add chain inet wall in { type filter hook input priority filter; }')
    await dora.ok('nft', `add rule inet wall in iifname "eth0" ip saddr ${rita.machine.v4} tcp dport ${PORT} drop`)
    assert.match(
      await announced(mesh),
      /: no, nothing answers at 192\.0\.2\.\d+:7480 \(tested by relay \w+\), behind a firewall; .* through relay http:/,
    )
  },
  { timeout },
)

for (const nat of ['port-restricted', 'symmetric'] as const)
  labTest(
    `a coordinator behind a ${nat} NAT learns from a relay that it is not reached, and, with its port forwarded, that it is`,
    async (lab) => {
      const internet = await Internet.create(lab)
      const home = await internet.site('home', { nat })
      const desktop = await home.host('desktop')
      const mesh = await LabMesh.serve(desktop)
      const rita = await LabRelay.serve(await internet.host('rita'), mesh)
      await mesh.process.line(/"event":"not reached from outside"/)
      assert.match(
        await announced(mesh),
        /: no, nothing listens at 192\.0\.2\.\d+:7480 .*behind a NAT or firewall; devices elsewhere come through relay http:/,
      )
      await forwardPort(home.router, desktop)
      await stop(mesh)
      await mesh.restart(['--no-node', '--json'])
      const { knocks } = JSON.parse((await mesh.process.line(/^\{"mesh"/)).input)
      assert.deepEqual(knocks, [{ relay: rita.id, at: `${home.router.v4}:${PORT}`, outcome: 'answered' }])
      assert.match(await announced(mesh), /: yes, at 192\.0\.2\.\d+:7480 .*--public-url http:\/\/192\.0\.2\.\d+:7480 /)
    },
    { timeout },
  )

/** What it says of it at its next start. */
async function announced(mesh: LabMesh): Promise<string> {
  await stop(mesh)
  await mesh.restart()
  return (await mesh.process.line(/^Reached from outside/)).input
}

async function stop(mesh: LabMesh): Promise<void> {
  assert.equal((await mesh.process.stop()).code, 0)
}

async function forwardPort(router: Machine, to: Machine): Promise<void> {
  await router.ok('nft', 'add table ip forwarded')
  await router.ok('nft', 'add chain ip forwarded in { type nat hook prerouting priority dstnat - 1; }')
  await router.ok('nft', `add rule ip forwarded in iifname "eth0" tcp dport ${PORT} dnat to ${to.v4}:${PORT}`)
}
