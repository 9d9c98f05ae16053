import { setTimeout as sleep } from 'node:timers/promises'
import { derper } from '@weft/lab'
import { cpuSeconds, privateMemory } from '../daemon.ts'
import type { Measurement } from '../measurement.ts'
import { Derper } from './derper.ts'
import { Notes } from './notes.ts'
import { DATAGRAM_LENGTH, type RelayLink, type RelayUnderTest } from './relay-under-test.ts'
import { WeftRelay } from './weft-relay.ts'

/** Clients that only are there. */
const IDLE = 1_000
/** Who opens connections at the same time. */
const AT_ONCE = 16
const LOADS = [
  { name: 'one sender', pairs: 1 },
  { name: '8 senders', pairs: 8 },
]
/** Datagrams of each sender that are under way at a time, which both relays keep without loss. */
const WINDOW = 32
const SECONDS = 4
const WARM_UP_SECONDS = 1
/** Datagrams of one write. */
const TOGETHER = 8
/** In ms: a sender to whom nothing comes back for so long begins anew. */
const LOST_AFTER = 50

/** weft's relay and Tailscale's on loopback, in turns; this process is all of their clients, and does not look at what arrives. */
export async function relaysAlone(rounds: number): Promise<readonly Measurement[]> {
  const program = derper()
  if ('missing' in program) console.log(program.missing)
  const relays: RelayUnderTest[] = [await WeftRelay.start()]
  try {
    if ('path' in program) relays.push(await Derper.start(program.path))
    return await measureAll(relays, rounds)
  } finally {
    for (const relay of relays) await relay.stop()
  }
}

async function measureAll(relays: readonly RelayUnderTest[], rounds: number): Promise<readonly Measurement[]> {
  const notes = new Notes()
  const loads: Load[] = []
  for (const relay of relays) {
    notes.add(relay.name, `memory for each of ${IDLE} connections`, 'KiB', (await memoryForEach(relay)) / 1024)
    for (const kind of LOADS) loads.push(await Load.open(relay, kind))
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name } of LOADS) {
      for (const load of loads.filter((each) => each.name === name)) {
        const { megabits, cpu } = await load.run()
        notes.add(load.relay.name, name, 'Mb/s', megabits)
        notes.add(load.relay.name, `CPU, ${name}`, 's/GB', cpu)
      }
    }
  }
  return notes.measurements()
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

/** Senders that each send to one receiver, as fast as it comes there. */
class Load {
  readonly relay: RelayUnderTest
  readonly name: string
  readonly #pairs: readonly Pair[]

  private constructor(relay: RelayUnderTest, name: string, pairs: readonly Pair[]) {
    this.relay = relay
    this.name = name
    this.#pairs = pairs
  }

  static async open(relay: RelayUnderTest, kind: (typeof LOADS)[number]): Promise<Load> {
    const pairs: Pair[] = []
    for (let i = 0; i < kind.pairs; i++) pairs.push(new Pair(await relay.connect(), await relay.connect()))
    return new Load(relay, kind.name, pairs)
  }

  /** What arrived, counting the datagrams only, and the relay's CPU seconds for each 10⁹ bytes of them. */
  async run(): Promise<{ readonly megabits: number; readonly cpu: number }> {
    for (const pair of this.#pairs) pair.start()
    await sleep(WARM_UP_SECONDS * 1000)
    const [began, bytes, cpu] = [performance.now(), this.#received(), cpuSeconds(this.relay.pid)]
    await sleep(SECONDS * 1000)
    const received = this.#received() - bytes
    const seconds = (performance.now() - began) / 1000
    const spent = cpuSeconds(this.relay.pid) - cpu
    for (const pair of this.#pairs) pair.stop()
    await sleep(500)
    return { megabits: (received * 8) / seconds / 1e6, cpu: spent / (received / 1e9) }
  }

  #received(): number {
    return this.#pairs.reduce((sum, pair) => sum + pair.received * DATAGRAM_LENGTH, 0)
  }
}

class Pair {
  readonly #from: RelayLink
  readonly #to: RelayLink
  readonly #together: Uint8Array
  #isOn = false
  #sent = 0
  #lastCame = 0
  #watch: NodeJS.Timeout | undefined

  constructor(from: RelayLink, to: RelayLink) {
    this.#from = from
    this.#to = to
    this.#together = from.datagramsTo(to.id, TOGETHER)
    to.socket.on('data', () => this.#onData())
    from.socket.resume()
  }

  /** Datagrams. */
  get received(): number {
    return this.#to.socket.bytesRead / this.#to.receivedLength
  }

  start(): void {
    this.#isOn = true
    this.#restart()
    this.#watch = setInterval(() => {
      if (performance.now() - this.#lastCame > LOST_AFTER) this.#restart()
    }, LOST_AFTER)
  }

  stop(): void {
    this.#isOn = false
    clearInterval(this.#watch)
  }

  #onData(): void {
    this.#lastCame = performance.now()
    this.#fill()
  }

  #restart(): void {
    this.#sent = this.received
    this.#fill()
  }

  #fill(): void {
    while (this.#isOn && this.#sent + TOGETHER <= this.received + WINDOW) {
      this.#from.socket.write(this.#together)
      this.#sent += TOGETHER
    }
  }
}
