import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import type { Endpoint } from '@weft/base'
import { INCOMPLETE } from '@weft/coordinator-protocol'
import { TestNode } from './test-node.ts'

/** `npm run test:long` kills it a thousand times, with fewer acknowledgements each time. */
const IS_LONG = process.env.WEFT_LONG === '1'
const KILLS = IS_LONG ? 1_000 : 3
/** Joins and publications until the next kill. */
const acknowledgedUntil = (kill: number): number => (IS_LONG ? 1 + (kill % 4) : 10)
const SIDE_BY_SIDE = IS_LONG ? 2 : 4
/** Of those that were acknowledged before, asked for again at each start; at the end all are. */
const ASKED_AGAIN = 20

const children: ChildProcess[] = []
const published = new Map<TestNode, Endpoint>()

it('killed in the midst of writing, it has everything that it acknowledged', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-coordinator-'))
  const joined: TestNode[] = []
  let link: string | undefined
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const started = await startProcess(directory, link)
      const { child, exited, port } = started
      link = started.link
      await rejoinAll(joined.slice(-ASKED_AGAIN), port)
      let left = acknowledgedUntil(kill)
      const onAcknowledged = () => --left === 0 && child.kill('SIGKILL')
      await Promise.all(
        Array.from({ length: SIDE_BY_SIDE }, () => joinUntilKilled(started.link, port, joined, onAcknowledged)),
      )
      assert.ok(left <= 0, 'it answers until it is killed')
      assert.deepEqual(await exited, [null, 'SIGKILL'])
    }
    const { child, exited, port } = await startProcess(directory, link)
    await rejoinAll(joined, port)
    assert.ok(joined.length >= KILLS && published.size > 0)
    const [witness] = joined
    const channel = await witness?.connect(port)
    assert.ok(witness && channel)
    await witness.subscribe(channel)
    // In parts, where there are many.
    await channel.until(() => (channel.netmap?.number ?? INCOMPLETE) !== INCOMPLETE)
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

/** Devices join and publish, one after the other, until the coordinator is gone; each that it answers is told. */
async function joinUntilKilled(
  link: string,
  port: number,
  joined: TestNode[],
  onAcknowledged: () => unknown,
): Promise<void> {
  for (let i = 0; ; i++) {
    const node = new TestNode(link, `node-${i}`)
    try {
      const channel = await node.connect(port)
      await node.join(channel)
      joined.push(node)
      onAcknowledged()
      const endpoint = `192.0.2.1:${1 + i}` as Endpoint
      await channel.request('publish', { endpoints: [endpoint] })
      published.set(node, endpoint)
      onAcknowledged()
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

/** With a join link that it makes, or that it made before. */
async function startProcess(directory: string, madeBefore?: string) {
  const script = join(import.meta.dirname, 'coordinator-process.ts')
  const child = spawn(process.execPath, [script, directory, ...(madeBefore === undefined ? [] : [madeBefore])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const exited = once(child, 'exit')
  const [line] = await once(createInterface(child.stdout), 'line')
  const { port, link }: { port: number; link: string } = JSON.parse(String(line))
  return { child, exited, port, link }
}
