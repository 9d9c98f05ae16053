import { type EnginePair, INSIDE } from './engine-pair.ts'
import type { Figure, Quantity } from './quantity.ts'
import { iperf } from './tcp.ts'

const PINGS = 200
const INTERVAL_SECONDS = 0.008
/** Longer than the pings take. */
const LOAD_SECONDS = 2

/** Round trips through the tunnel, with nothing else in it and beside a TCP stream. */
export const pingQuantities: readonly Quantity[] = [
  { name: 'ping', dependsOnWire: true, measure: (pair) => roundTrips(pair, 'ping, idle') },
  {
    name: 'ping-load',
    dependsOnWire: true,
    measure: async (pair) => {
      const load = iperf(pair, INSIDE[4].bob, LOAD_SECONDS)
      const figures = await roundTrips(pair, 'ping beside one TCP stream')
      await load
      return figures
    },
  },
]

async function roundTrips(pair: EnginePair, title: string): Promise<readonly Figure[]> {
  const options = ['-n', '-c', String(PINGS), '-i', String(INTERVAL_SECONDS), '-W', '1']
  const { stdout } = await pair.alice.machine.run('ping', ...options, INSIDE[4].bob)
  const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)).toSorted((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
  return [
    { name: `${title}: p50`, unit: 'ms', better: 'less', value: at(0.5) },
    { name: `${title}: p99`, unit: 'ms', better: 'less', value: at(0.99) },
  ]
}
