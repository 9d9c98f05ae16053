/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with a relay, farther away
 *   bob   ── lan ── router ──┘          └── rita, a relay behind somebody who does not pass on what he should
 *
 * Through these NATs no direct path leads.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import {
  Lab,
  type LabProcess,
  LabRelay,
  type MeshNode,
  pathTo,
  reporting,
  skipReason,
  type TwoSites,
  twoSites,
  until,
} from '../src/index.ts'
import { program } from './programs/index.ts'

const BAD_PORT = 7490
const EVERY_MS = 50
const COUNT = 160
const MOST_GAP_MS = 3_000

interface Outcome {
  readonly mode: string
  /** Whether the relay is left. */
  readonly isLeft: boolean
  /** Of `dropped`, or `complaints` about the relay; at one of the two. */
  readonly counted?: readonly string[]
  /** A line of the log, at one of the two, and once. */
  readonly said?: RegExp
}

const outcomes: readonly Outcome[] = [
  { mode: 'lossy', isLeft: false },
  { mode: 'disorder', isLeft: false, counted: ['replayed'] },
  {
    mode: 'foreign',
    isLeft: false,
    counted: ['unknown-datagram', 'not-authentic', 'replayed', 'mac1-wrong'],
  },
  { mode: 'absent', isLeft: true, counted: ['complaints'], said: /the relay denies a peer that is there/ },
  { mode: 'mute', isLeft: true, counted: ['complaints'], said: /no reply by the relay/ },
  { mode: 'stalls', isLeft: true, counted: ['complaints'], said: /relay away.*it does not answer any more/ },
  { mode: 'impostor', isLeft: true, counted: ['complaints', 'unknown-datagram'], said: /no reply by the relay/ },
  { mode: 'oversized', isLeft: true, said: /relay away.*no relay of this version/ },
  { mode: 'enormous', isLeft: true, said: /relay away.*Max payload size exceeded/ },
]

describe('with a relay in use that is not honest', { skip: skipReason(), timeout: 280_000 }, () => {
  let lab: Lab
  let world: TwoSites
  let rita: LabRelay
  let meddler: LabProcess

  before(async () => {
    lab = await Lab.create()
    await reporting(lab, async () => {
      world = await twoSites(lab, 'symmetric', 'symmetric')
      const far = await world.internet.switch.insertLink(world.mesh.machine)
      await far.set({ delay: 30 })
      const machine = await world.internet.host('rita')
      meddler = machine.spawn(...program('bad-relay', BAD_PORT, `http://${machine.address}:7480`))
      await meddler.line(/listening/)
      rita = await LabRelay.serve(machine, world.mesh, BAD_PORT)
    })
  })
  after(() => lab[Symbol.dispose]())

  async function setMode(mode: string): Promise<void> {
    meddler.write(`${mode}\n`)
    await meddler.line(new RegExp(`^it is ${mode}$`))
  }

  /** As if nothing had been learnt of the relay yet; how many lines the two had written by then. */
  async function startAnew(): Promise<readonly number[]> {
    const nodes = [world.alice, world.bob]
    await setMode('honest')
    await Promise.all(nodes.map(({ machine }) => machine.weftOk('down')))
    const lines = nodes.map((node) => logOf(node).length)
    await Promise.all(nodes.map(({ machine }) => machine.weftOk('up')))
    await until('both send by the nearer relay', async () => {
      await world.alice.ping(world.bob.v4)
      const paths = [await pathTo(world.alice, world.bob), await pathTo(world.bob, world.alice)]
      return paths.every((path) => path?.relay === rita.id)
    })
    return lines
  }

  for (const { mode, isLeft, counted = [], said } of outcomes) {
    it(`${mode}: what is said arrives, once, ${isLeft ? 'by the other' : 'by it'}, and it is counted and said`, () =>
      reporting(lab, async () => {
        const lines = await startAnew()
        const { alice, bob } = world
        const before = await countsOf(rita, alice, bob)
        const echoes = alice.machine.spawn('ping', '-n', '-i', '0.05', '-c', String(COUNT), bob.v4)
        await echoes.line(/icmp_seq=20 /)
        await setMode(mode)
        await echoes.line(/packets transmitted/, { timeout: 60_000 })
        const seen = echoes.lines.flatMap((line) => Number(/icmp_seq=(\d+) /.exec(line)?.[1] ?? 0) || [])
        assert.equal(new Set(seen).size, seen.length, 'nothing came twice')
        assert.ok(gapOf(seen) <= MOST_GAP_MS, `without an answer for ${gapOf(seen)} ms`)
        const path = await pathTo(alice, bob)
        assert.deepEqual([path?.kind, path?.relay === rita.id], ['relayed', !isLeft])
        const counts = await countsOf(rita, alice, bob)
        for (const name of counted) assert.ok((counts[name] ?? 0) > (before[name] ?? 0), `${name} is not counted`)
        const times = [alice, bob].map(
          (node, i) =>
            logOf(node)
              .slice(lines[i])
              .filter((line) => said?.test(line)).length,
        )
        assert.equal(Math.max(...times), said === undefined ? 0 : 1, `it is said ${times.join(' and ')} times`)
        console.log(`${mode}: without an answer for ${gapOf(seen)} ms`)
      }))
  }
})

async function countsOf(relay: LabRelay, ...nodes: readonly MeshNode[]): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = {}
  for (const node of nodes) {
    const { dropped, relay: known } = await node.status()
    const complaints = known.relays.find(({ id }) => id === relay.id)?.complaints ?? 0
    for (const [name, count] of Object.entries({ ...dropped, complaints })) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

const logOf = ({ machine }: MeshNode): readonly string[] =>
  readFileSync(machine.path('var/lib/weft/agent.log'), 'utf8').split('\n')

/** The longest time without an answer, in ms. */
function gapOf(seen: readonly number[]): number {
  const all = [...seen, COUNT + 1]
  return Math.max(...all.slice(1).map((sequence, i) => (sequence - (all[i] ?? 0) - 1) * EVERY_MS))
}
