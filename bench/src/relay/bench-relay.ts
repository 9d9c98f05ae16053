import { setTimeout as sleep } from 'node:timers/promises'
import { derper } from '@weft/lab'
import type { Bench } from '../bench.ts'
import { cpuSeconds, privateMemory } from '../daemon.ts'
import { type Measurement, pairedRatio, printTable } from '../measurement.ts'
import { Derper } from './derper.ts'
import { DATAGRAM_LENGTH, type RelayLink, type RelayUnderTest } from './relay-under-test.ts'
import { WeftRelay } from './weft-relay.ts'

/** Clients that only are there. */
const IDLE = 1_000
/** Who opens connections at the same time. */
const AT_ONCE = 16
const PAIRS = [1, 8]
const SECONDS = 4
const WARM_UP_SECONDS = 1
/** In one write, as many as fit the longest message of weft's. */
const DATAGRAMS_IN_ONE = 48
const WRITTEN_AHEAD = 2 ** 20

/** weft's relay and Tailscale's on loopback, in turns; this process is all of their clients, and does not look at what arrives. */
export const benchRelay: Bench = async ({ rounds }) => {
  const program = derper()
  if ('missing' in program) console.log(program.missing)
  const relays: RelayUnderTest[] = [await WeftRelay.start()]
  try {
    if ('path' in program) relays.push(await Derper.start(program.path))
    const measurements = await measureAll(relays, rounds)
    printTable(measurements)
    return { measurements }
  } finally {
    for (const relay of relays) await relay.stop()
  }
}

async function measureAll(relays: readonly RelayUnderTest[], rounds: number): Promise<readonly Measurement[]> {
  const values = new Map<string, { unit: string; values: number[] }>()
  const note = (name: string, unit: string, value: number) => {
    const noted = values.get(name) ?? { unit, values: [] }
    noted.values.push(value)
    values.set(name, noted)
  }
  const loads: { readonly relay: RelayUnderTest; readonly pairs: number; readonly load: Load }[] = []
  for (const relay of relays) {
    note(`${relay.name}: memory for each of ${IDLE} connections`, 'KiB', (await memoryForEach(relay)) / 1024)
    for (const pairs of PAIRS) loads.push({ relay, pairs, load: await Load.open(relay, pairs) })
  }
  for (let round = 0; round < rounds; round++) {
    for (const { relay, pairs, load } of loads.toSorted((a, b) => a.pairs - b.pairs)) {
      const { megabits, cpu } = await load.run()
      note(`${relay.name}: ${nameOf(pairs)}`, 'Mb/s', megabits)
      note(`${relay.name}: CPU, ${nameOf(pairs)}`, 's/GB', cpu)
    }
  }
  const all = [...values].map(([name, noted]) => ({ name, ...noted }))
  return [...all, ...ratios(all)]
}

const nameOf = (pairs: number): string => (pairs === 1 ? 'one sender' : `${pairs} senders`)

function ratios(all: readonly Measurement[]): readonly Measurement[] {
  const find = (name: string) => all.find((each) => each.name === name)
  return PAIRS.flatMap((pairs) => {
    const [ours, theirs] = [find(`weft: ${nameOf(pairs)}`), find(`derper: ${nameOf(pairs)}`)]
    return ours && theirs ? [pairedRatio(`weft over derper: ${nameOf(pairs)}`, ours, theirs)] : []
  })
}

/** Bytes. The connections stay. */
async function memoryForEach(relay: RelayUnderTest): Promise<number> {
  const before = privateMemory(relay.pid)
  const opened: RelayLink[] = []
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (opened.length < IDLE) opened.push(await relay.connect())
    }),
  )
  await sleep(3_000)
  return (privateMemory(relay.pid) - before) / opened.length
}

/** Senders that each send to one receiver whatever the relay takes. */
class Load {
  readonly #relay: RelayUnderTest
  readonly #pairs: readonly { readonly from: RelayLink; readonly to: RelayLink }[]

  private constructor(relay: RelayUnderTest, pairs: readonly { from: RelayLink; to: RelayLink }[]) {
    this.#relay = relay
    this.#pairs = pairs
  }

  static async open(relay: RelayUnderTest, count: number): Promise<Load> {
    const pairs: { from: RelayLink; to: RelayLink }[] = []
    for (let i = 0; i < count; i++) pairs.push({ from: await relay.connect(), to: await relay.connect() })
    for (const { to } of pairs) to.socket.resume()
    return new Load(relay, pairs)
  }

  /** What arrived, counting the datagrams only, and the relay's CPU seconds for each 10⁹ bytes of them. */
  async run(): Promise<{ readonly megabits: number; readonly cpu: number }> {
    const senders = this.#pairs.map(({ from, to }) => sendTo(from, to))
    await sleep(WARM_UP_SECONDS * 1000)
    const [began, bytes, cpu] = [performance.now(), this.#received(), cpuSeconds(this.#relay.pid)]
    await sleep(SECONDS * 1000)
    const received = this.#received() - bytes
    const seconds = (performance.now() - began) / 1000
    const spent = cpuSeconds(this.#relay.pid) - cpu
    for (const stop of senders) stop()
    await sleep(500)
    return { megabits: (received * 8) / seconds / 1e6, cpu: spent / (received / 1e9) }
  }

  #received(): number {
    return this.#pairs.reduce((sum, { to }) => sum + (to.socket.bytesRead * DATAGRAM_LENGTH) / to.receivedLength, 0)
  }
}

function sendTo(from: RelayLink, to: RelayLink): () => void {
  const block = from.datagramsTo(to.id, DATAGRAMS_IN_ONE)
  const fill = () => {
    while (from.socket.writableLength < WRITTEN_AHEAD) from.socket.write(block)
  }
  from.socket.on('drain', fill)
  fill()
  return () => from.socket.off('drain', fill)
}
