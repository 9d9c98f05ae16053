/*
 *   alice ─┐
 *   bob   ─┼─ lan  192.0.2.0/24       bob has run for a month, by his clock
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { Lab, LabMesh, MeshNode, type NodeStatus, reporting, skipReason, until } from '../src/index.ts'

const LAUNCHER = resolve(import.meta.dirname, '../../weft')
/** Seconds: more than 2^31 ms, where a timer of 32 bits would have come round. */
const MONTH = 30 * 86_400
/** Longer than the heartbeat's limit, and than the coordinator waits; in the long set than a session lives. */
const STOPPED_MS = process.env.WEFT_LONG === '1' ? 240_000 : 32_000

describe('an agent', { skip: skipReason(), timeout: 600_000 }, () => {
  it('whose machine has run for a month, and that gets no turn for a while, goes on at once', async () => {
    using lab = await Lab.create()
    await reporting(lab, async () => {
      lab.switch('lan', { v4: '192.0.2.0/24' })
      const mesh = await LabMesh.serve(lab.machine('dora'))
      const alice = await mesh.join(lab.machine('alice'))
      const machine = lab.machine('bob')
      const agent = machine.spawn('unshare', '-T', '--boottime', String(MONTH), LAUNCHER, 'agent')
      await until('the agent answers', async () => (await machine.weft('status', '--json')).code === 0)
      const { link } = await mesh.createLink()
      await machine.weftOk('up', link)
      const status: NodeStatus = JSON.parse(await machine.weftOk('status', '--json'))
      assert.ok(status.self !== null)
      const bob = new MeshNode(machine, status.self)
      await alice.knows(bob)
      await alice.reaches(bob.v4)
      await bob.reaches(alice.v4)
      agent.signal('SIGSTOP')
      await pass(STOPPED_MS)
      agent.signal('SIGCONT')
      await bob.reaches(alice.v4)
      await alice.reaches(bob.v4)
      await until('bob is connected', async () => (await bob.status()).coordinator?.state === 'connected', {
        timeout: 90_000,
      })
      assert.equal((await agent.stop()).code, 0)
    })
  })
})
