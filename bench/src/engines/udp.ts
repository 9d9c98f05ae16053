import { type EnginePair, INSIDE } from './engine-pair.ts'
import type { Quantity } from './quantity.ts'

const SECONDS_A_TRIAL = 0.5
const TOLERATED_LOSS = 0.001
/** Between the rate that passes and the next one tried that does not: 3 halvings of a factor of 1.5 leave 5 %. */
const STEP = 1.5
const HALVINGS = 3
const FIRST_GUESS = 20_000
const LOWEST = 500
/** A rate fails when each of so many trials loses: the receiver of iperf3 is now and then not run for longer than its buffer lasts. */
const TRIALS = 3

interface UdpReport {
  readonly end: { readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number } }
}

interface Trial {
  /** Packets a second. */
  readonly sent: number
  readonly received: number
  readonly loss: number
}

/** The highest rate at which nearly nothing is lost, by bisection, for packets that cannot be joined and nearly full ones. */
export const udpQuantities: readonly Quantity[] = [
  lossless('udp-64', 64),
  lossless('udp-1200', 1200),
  {
    name: 'flood',
    dependsOnWire: true,
    measure: async (pair) => {
      const { received } = await trial(pair, 64, ['--bitrate', '0', '--time', '1'])
      return [{ name: '64-byte UDP flood: received', unit: 'k/s', better: 'more', value: received / 1000 }]
    },
  },
]

function lossless(name: string, length: number): Quantity {
  // A later turn begins at what the last one found.
  const guesses = new Map<string, number>()
  return {
    name,
    dependsOnWire: true,
    measure: async (pair) => {
      const found = await highestRate(pair, length, guesses.get(pair.engine.name) ?? FIRST_GUESS)
      guesses.set(pair.engine.name, Math.max(found, LOWEST))
      return [{ name: `${length}-byte UDP, loss ≤ 0.1 %`, unit: 'k/s', better: 'more', value: found / 1000 }]
    },
  }
}

/** Packets a second; 0 where even the lowest rate loses. */
async function highestRate(pair: EnginePair, length: number, guess: number): Promise<number> {
  let passed = 0
  let failed = Number.POSITIVE_INFINITY
  let rate = guess
  for (let halvings = 0; halvings < HALVINGS && rate >= LOWEST; ) {
    const { sent, loss } = await bestTrial(pair, length, rate)
    if (loss > TOLERATED_LOSS) failed = rate
    else if (sent < rate * 0.9) return sent
    else passed = rate
    if (passed === 0) rate /= STEP
    else if (failed === Number.POSITIVE_INFINITY) rate *= STEP
    else {
      rate = Math.sqrt(passed * failed)
      halvings++
    }
  }
  return passed
}

/** The first that loses nearly nothing, else the last. */
async function bestTrial(pair: EnginePair, length: number, rate: number): Promise<Trial> {
  let tried = await trial(pair, length, pacing(rate, length))
  for (let i = 1; i < TRIALS && tried.loss > TOLERATED_LOSS; i++)
    tried = await trial(pair, length, pacing(rate, length))
  return tried
}

function pacing(rate: number, length: number): readonly string[] {
  return [
    '--bitrate',
    String(Math.round(rate * length * 8)),
    '--blockcount',
    String(Math.round(rate * SECONDS_A_TRIAL)),
  ]
}

async function trial(pair: EnginePair, length: number, options: readonly string[]): Promise<Trial> {
  const words = ['--client', INSIDE[4].bob, '--udp', '--length', String(length), '--json', ...options]
  const { end }: UdpReport = JSON.parse(await pair.alice.machine.ok('iperf3', ...words))
  const { packets, lost_packets: lost, seconds } = end.sum
  return { sent: packets / seconds, received: (packets - lost) / seconds, loss: packets === 0 ? 1 : lost / packets }
}
