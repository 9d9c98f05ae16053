import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import type { Endpoint } from '@weft/base'
import { TestNode } from './test-node.ts'

/** `npm run test:long` kills it a thousand times, with fewer devices each time. */
const IS_LONG = process.env.WEFT_LONG === '1'
const KILLS = IS_LONG ? 1_000 : 3
const ACKNOWLEDGED_EACH = IS_LONG ? 1 : 10
/** Of those that were acknowledged before, asked for again at each start; at the end all are. */
const ASKED_AGAIN = 20

const children: ChildProcess[] = []
const published = new Map<TestNode, Endpoint>()

it('killed in the midst of writing, it has everything that it acknowledged', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-coordinator-'))
  const joined: TestNode[] = []
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, exited, port, link } = await startProcess(directory)
      await rejoinAll(joined.slice(-ASKED_AGAIN), port)
      const target = joined.length + ACKNOWLEDGED_EACH
      await Promise.all(
        Array.from({ length: 4 }, () =>
          joinUntilKilled(link, port, joined, () => joined.length >= target && child.kill('SIGKILL')),
        ),
      )
      await exited
    }
    const { child, exited, port } = await startProcess(directory)
    await rejoinAll(joined, port)
    assert.ok(joined.length >= KILLS * ACKNOWLEDGED_EACH)
    const [witness] = joined
    const channel = await witness?.connect(port)
    assert.ok(witness && channel)
    await witness.subscribe(channel)
    const told = new Map(channel.netmap?.peers.map((peer) => [peer.id, peer]))
    for (const node of joined.slice(1)) {
      assert.equal(told.get(node.id)?.address4, node.address4)
      assert.equal(told.get(node.id)?.name, node.name)
      if (published.has(node)) assert.deepEqual(told.get(node.id)?.endpoints, [published.get(node)])
    }
    assert.equal(new Set(joined.map((node) => node.address4)).size, joined.length)
    child.kill('SIGKILL')
    await exited
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})

/** Devices join and publish, one after the other, until the coordinator is gone; `after` is told of each that was answered. */
async function joinUntilKilled(link: string, port: number, joined: TestNode[], after: () => unknown): Promise<void> {
  for (let i = 0; ; i++) {
    const node = new TestNode(link, `node-${i}`)
    try {
      const channel = await node.connect(port)
      await node.join(channel)
      joined.push(node)
      after()
      const endpoint = `192.0.2.1:${1 + i}` as Endpoint
      await channel.request('publish', { endpoints: [endpoint] })
      published.set(node, endpoint)
      await channel.close()
    } catch {
      return
    }
  }
}

/** Each is known, and is told its own name and address again. */
async function rejoinAll(joined: readonly TestNode[], port: number): Promise<void> {
  for (const node of joined) {
    const { name, address4 } = node
    const channel = await node.connect(port)
    await node.join(channel)
    assert.deepEqual([node.name, node.address4], [name, address4])
    await channel.close()
  }
}

async function startProcess(directory: string) {
  const script = join(import.meta.dirname, 'coordinator-process.ts')
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const exited = once(child, 'exit')
  const [line] = await once(createInterface(child.stdout), 'line')
  const { port, link }: { port: number; link: string } = JSON.parse(String(line))
  return { child, exited, port, link }
}
