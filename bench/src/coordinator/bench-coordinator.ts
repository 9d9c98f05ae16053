import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '@weft/base'
import { nativeCrypto } from '@weft/crypto'
import { readLink } from '@weft/identity'
import type { Bench } from '../bench.ts'
import { cpuSeconds, privateMemory } from '../daemon.ts'
import { type Measurement, printTable } from '../measurement.ts'
import { LightNode, sourceOf } from './light-node.ts'
import { ServedCoordinator } from './served-coordinator.ts'

const NODES = 1_000
/** Nodes that join at the same time. */
const AT_ONCE = 32
const IDLE_SECONDS = 15
const NEW_NODES = 5
const CHANGES = 20
const PATIENCE_MS = 60_000

/** One `weft serve` and a thousand nodes in this process, over loopback, each from an address of its own. */
export const benchCoordinator: Bench = async ({ rounds }) => {
  const coordinator = await ServedCoordinator.start()
  const nodes: LightNode[] = []
  try {
    const link = readLink(await coordinator.createLink(), nativeCrypto)
    const make = (number: number) =>
      new LightNode({ name: `n${number}`, link, url: coordinator.url, source: sourceOf(number) })
    for (let number = 0; number < NODES; number++) nodes.push(make(number))
    const measurements: Measurement[] = []
    const note = (name: string, unit: string, values: readonly number[]) => measurements.push({ name, unit, values })

    const before = privateMemory(coordinator.pid)
    const cpuBefore = cpuSeconds(coordinator.pid)
    const seconds = await joinAll(nodes)
    note(`joins and subscriptions of ${NODES} nodes`, '1/s', [NODES / seconds])
    note('coordinator’s CPU for each of them', 'ms', [((cpuSeconds(coordinator.pid) - cpuBefore) * 1000) / NODES])
    await sleep(3_000)
    note('memory for each node', 'KiB', [(privateMemory(coordinator.pid) - before) / NODES / 1024])
    note('memory of the whole process', 'MiB', [privateMemory(coordinator.pid) / 2 ** 20])

    const idleFrom = cpuSeconds(coordinator.pid)
    await sleep(IDLE_SECONDS * 1000)
    note('CPU when idle', '%', [((cpuSeconds(coordinator.pid) - idleFrom) / IDLE_SECONDS) * 100])

    const changes = await changesToAll(nodes)
    note('a change until one node has it', 'ms', changes.each)
    note('a change until one node has it, p99', 'ms', [percentile(changes.each, 0.99)])
    note('a change until all have it', 'ms', changes.all)
    const arrivals = await newNodesToAll(nodes, make)
    note('a new node, from its join request until all have it', 'ms', arrivals)

    for (let round = 0; round < rounds; round++) {
      const { fromKill, fromStart, refusals } = await restart(coordinator, nodes)
      note(`killed and started again, until all are back, round ${round + 1}`, 's', [fromKill])
      note(`the same, from when it answers again, round ${round + 1}`, 's', [fromStart])
      note(`tries that failed meanwhile, round ${round + 1}`, '', [refusals])
    }
    printTable(measurements)
    return { measurements: measurements.map((each) => summary(each)) }
  } finally {
    for (const node of nodes) node.stop()
    await coordinator.stop()
  }
}

async function joinAll(nodes: readonly LightNode[]): Promise<number> {
  const started = performance.now()
  const waiting = [...nodes]
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
        await node.connect()
        await node.join()
        await node.subscribe()
      }
    }),
  )
  return (performance.now() - started) / 1000
}

async function changesToAll(nodes: readonly LightNode[]): Promise<{ each: number[]; all: number[] }> {
  const each: number[] = []
  const all: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    const node = nodes[(change * 37) % nodes.length]
    if (node === undefined) continue
    const endpoint = `192.0.2.1:${10_000 + change}` as Endpoint
    const told = heardBy(nodes, node, endpoint)
    const started = performance.now()
    await node.request('publish', { endpoints: [endpoint] })
    const times = (await told).map((time) => time - started)
    each.push(...times)
    all.push(Math.max(...times))
    await sleep(300)
  }
  return { each, all }
}

async function newNodesToAll(nodes: LightNode[], make: (number: number) => LightNode): Promise<number[]> {
  const values: number[] = []
  for (let i = 0; i < NEW_NODES; i++) {
    const node = make(nodes.length)
    await node.connect()
    const told = heardBy(nodes, node, node.id)
    const started = performance.now()
    await node.join()
    values.push(Math.max(...(await told)) - started)
    await node.subscribe()
    nodes.push(node)
    await sleep(500)
  }
  return values
}

/** When each of the nodes but one was told what has the text in it. */
function heardBy(nodes: readonly LightNode[], but: LightNode, text: string): Promise<readonly number[]> {
  const others = nodes.filter((node) => node !== but)
  const times: number[] = []
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only ${times.length} heard of it`)), PATIENCE_MS)
    for (const node of others)
      node.onText = (heard) => {
        if (!heard.includes(text)) return
        node.onText = () => undefined
        times.push(performance.now())
        if (times.length < others.length) return
        clearTimeout(timer)
        resolve(times)
      }
  })
}

async function restart(coordinator: ServedCoordinator, nodes: readonly LightNode[]) {
  const refusedBefore = refusalsOf(nodes)
  const killed = performance.now()
  await coordinator.kill()
  await coordinator.start()
  const answers = performance.now()
  while (!nodes.every((node) => node.subscribedAt > killed)) {
    if (performance.now() - killed > PATIENCE_MS) throw new Error('not all nodes came back')
    await sleep(10)
  }
  const back = Math.max(...nodes.map((node) => node.subscribedAt))
  await sleep(2_000)
  return {
    fromKill: (back - killed) / 1000,
    fromStart: (back - answers) / 1000,
    refusals: refusalsOf(nodes) - refusedBefore,
  }
}

const refusalsOf = (nodes: readonly LightNode[]): number => nodes.reduce((sum, { refusals }) => sum + refusals, 0)

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Of what was measured at every node, the values would fill the file. */
function summary({ name, unit, values }: Measurement) {
  if (values.length <= 50) return { name, unit, values }
  return {
    name,
    unit,
    count: values.length,
    median: percentile(values, 0.5),
    p90: percentile(values, 0.9),
    p99: percentile(values, 0.99),
    most: Math.max(...values),
  }
}
