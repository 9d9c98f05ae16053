/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘          └── rita, a relay with STUN
 */
import assert from 'node:assert/strict'
import { labTest, relayElsewhere, twoSites } from '../src/index.ts'

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
