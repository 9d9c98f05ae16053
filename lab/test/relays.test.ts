/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘          └── rita, a relay with STUN
 *
 *   In the third:   desktop, the coordinator ─┬─ lan ── router ──┐
 *                   nas                      ─┘                  ├─ internet ── rita
 *                   laptop ─── lan ── router ────────────────────┘
 */
import assert from 'node:assert/strict'
import { Internet, LabMesh, LabRelay, labTest, pathTo, relayElsewhere, twoSites, until } from '../src/index.ts'

const timeout = 120_000

labTest(
  'with coordinator and its relay gone, a relay elsewhere carries on, also for who comes back',
  async (lab) => {
    // Through these no direct path leads.
    const world = await twoSites(lab, 'symmetric', 'symmetric')
    const { mesh, alice, bob } = world
    const rita = await relayElsewhere(world)
    assert.equal(await alice.ping(bob.v4, 3), 0)
    mesh.machine.kill()
    await alice.reaches(bob.v4)
    assert.equal((await alice.status()).relay.home, rita.id)
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
    const world = await twoSites(lab, 'symmetric', 'symmetric')
    const { alice, bob } = world
    const rita = await relayElsewhere(world)
    assert.equal((await rita.process.stop()).code, 0)
    await alice.reaches(bob.v4)
    assert.notEqual((await alice.status()).relay.home, rita.id)
  },
  { timeout },
)

labTest(
  'a coordinator at home is reached through a relay: a laptop elsewhere joins by a link, and talks with home directly',
  async (lab) => {
    const internet = await Internet.create(lab)
    const home = await internet.site('home', { nat: 'symmetric' })
    const away = await internet.site('away', { nat: 'full-cone' })
    const mesh = await LabMesh.serve(await home.host('desktop'))
    const rita = await LabRelay.serve(await internet.host('rita'), mesh)
    await mesh.process.stop()
    await mesh.restart()
    await mesh.process.line(
      /^Reached from outside: no, .* 192\.0\.2\.\d+:7480 .*behind a NAT or firewall; .* through relay http/,
    )
    const nas = await mesh.join(await home.host('nas'))
    const laptop = await mesh.join(await away.host('laptop'))
    await Promise.all([nas.knows(laptop), laptop.knows(nas)])
    assert.equal((await laptop.status()).coordinator?.url, rita.url)
    await laptop.reaches(nas.v4)
    const { code, stderr } = await laptop.machine.weft('ping', '--until-direct', '-i', '0.2', '-c', '50', 'nas')
    assert.equal(code, 0, stderr)
    // What is asked, and what changes, goes the same way.
    await laptop.machine.weftOk('rename', 'nas', 'attic')
    await until('the new name is told', async () => {
      const { peers } = await laptop.status()
      return peers.some(({ name }) => name === 'attic')
    })
  },
  { timeout },
)

/** Two probes by the relay have to stay without a reply, and the peer has to be told. */
const MOST_GAP_MS = 3_000

for (const how of ['ends', 'is cut off'] as const) {
  labTest(
    `a relay in use that ${how} is left for the second within ${MOST_GAP_MS / 1_000} s`,
    async (lab) => {
      const world = await twoSites(lab, 'symmetric', 'symmetric')
      const { mesh, alice, bob } = world
      const rita = await relayElsewhere(world)
      assert.equal(await alice.ping(bob.v4, 3), 0)
      const used = (await pathTo(alice, bob))?.relay
      const machine = used === rita.id ? rita.machine : mesh.machine
      const echoes = alice.machine.spawn('ping', '-n', '-i', '0.05', '-c', '400', bob.v4)
      await echoes.line(/icmp_seq=40 /)
      if (how === 'ends') machine.kill()
      else machine.setCable('down')
      await echoes.line(/400 packets transmitted/, { timeout: 60_000 })
      const seen = echoes.lines.flatMap((line) => Number(/icmp_seq=(\d+) /.exec(line)?.[1] ?? 0) || [])
      const gaps = seen.slice(1).map((sequence, i) => (sequence - (seen[i] ?? 0) - 1) * 50)
      assert.ok(Math.max(...gaps) <= MOST_GAP_MS, `without an answer for ${Math.max(...gaps)} ms`)
      assert.ok((seen.at(-1) ?? 0) > 390)
      console.log(`the relay ${how}: without an answer for ${Math.max(...gaps)} ms`)
    },
    { timeout },
  )
}
