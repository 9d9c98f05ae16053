import { type EnginePair, INSIDE } from './engine-pair.ts'
import type { Figure, Quantity } from './quantity.ts'

const SECONDS = 2

interface TcpReport {
  readonly end: Readonly<
    Record<'sum_received' | 'sum_received_bidir_reverse', { bytes: number; seconds: number } | undefined>
  >
}

/** How fast TCP goes through the tunnel, and what that costs the two daemons. */
export const tcpQuantities: readonly Quantity[] = [
  tcp('tcp-one', 'one TCP stream', 4, []),
  tcp('tcp-four', 'four TCP streams', 4, ['--parallel', '4']),
  tcp('tcp-both', 'one TCP stream each way at once', 4, ['--bidir']),
  tcp('tcp-v6', 'one TCP stream, IPv6 inside', 6, []),
]

function tcp(name: string, title: string, family: 4 | 6, options: readonly string[]): Quantity {
  return { name, dependsOnWire: true, measure: (pair) => transfer(pair, { title, family, options }) }
}

async function transfer(
  pair: EnginePair,
  run: { readonly title: string; readonly family: 4 | 6; readonly options: readonly string[] },
): Promise<readonly Figure[]> {
  const before = pair.cpuSeconds()
  const report = await iperf(pair, INSIDE[run.family].bob, SECONDS, run.options)
  const spent = pair.cpuSeconds() - before
  const { sum_received: forth, sum_received_bidir_reverse: back } = report.end
  const bytes = (forth?.bytes ?? 0) + (back?.bytes ?? 0)
  return [
    { name: run.title, unit: 'Gb/s', better: 'more', value: (bytes * 8) / (forth?.seconds ?? SECONDS) / 1e9 },
    { name: `${run.title}: CPU of both daemons`, unit: 's/GB', better: 'less', value: spent / (bytes / 1e9) },
  ]
}

/** From alice to bob. */
export async function iperf(
  pair: EnginePair,
  address: string,
  seconds: number,
  options: readonly string[] = [],
): Promise<TcpReport> {
  const words = ['--client', address, '--time', String(seconds), '--json', ...options]
  return JSON.parse(await pair.alice.machine.ok('iperf3', ...words))
}
