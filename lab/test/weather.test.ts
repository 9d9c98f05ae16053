/*
 *   alice ── lan ── router ── bad line ──┐
 *                                        ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──────────────┘
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { endsUp, type LinkWeather, labTest, type MeshNode, twoSites } from '../src/index.ts'
import { program } from './programs/index.ts'

const MEGABYTE = 1024 * 1024
const BYTES = 8 * MEGABYTE
/** To the relay and back, at both ends: a probe and the next may both be lost. */
const ONE_EXCURSION = 4

for (const [what, weather] of [
  ['lossy', { delay: 15, loss: 0.03 }],
  ['reordering', { delay: 10, jitter: 30, overtaking: 0.2 }],
  ['lossy, jittery and reordering', { delay: 20, jitter: 25, overtaking: 0.1, loss: 0.02 }],
] as const satisfies readonly (readonly [string, LinkWeather])[]) {
  labTest(
    `over a ${what} line the path stays direct, and a stream arrives whole`,
    async (lab, context) => {
      const { internet, alice, bob, left } = await twoSites(lab, 'port-restricted', 'port-restricted')
      const link = await internet.switch.insertLink(left.router)
      await endsUp(alice, bob, 'direct')
      await endsUp(bob, alice, 'direct')
      const before = changesOf(alice, bob)
      await link.set(weather)
      const sink = bob.machine.spawn(...program('tcp-sink', 9000))
      await sink.line(/^listening/)
      const begun = performance.now()
      const source = alice.machine.runWith({ timeout: 150_000 }, ...program('tcp-source', bob.v4, 9000, BYTES))
      const [, received, hash] = await sink.line(/^received (\d+) (\w+)$/, { timeout: 150_000 })
      const { stdout } = await source
      const mbps = (BYTES * 8) / (performance.now() - begun) / 1_000
      assert.deepEqual([Number(received), hash], [BYTES, stdout.trim()])
      // Also where there is little to say: a heartbeat may be lost, and the next one too.
      await alice.ping(bob.v4, 100, 0.2)
      const changes = changesOf(alice, bob) - before
      context.diagnostic(`${mbps.toFixed(2)} Mb/s, ${changes} changes of path`)
      assert.ok(changes <= ONE_EXCURSION, `the path changed ${changes} times`)
      await endsUp(alice, bob, 'direct')
    },
    { timeout: 200_000 },
  )
}

function changesOf(...nodes: readonly MeshNode[]): number {
  const logs = nodes.map(({ machine }) => readFileSync(machine.path('var/lib/weft/agent.log'), 'utf8'))
  return logs.join('').split('"path changed"').length - 1
}
