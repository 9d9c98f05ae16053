import type { Bench } from '../bench.ts'
import { type Measurement, printTable } from '../measurement.ts'
import { relaysAlone } from './alone.ts'
import { wholePaths } from './whole-path.ts'

const PARTS: Readonly<Record<string, (rounds: number) => Promise<readonly Measurement[]>>> = {
  alone: relaysAlone,
  path: wholePaths,
}

/** weft's relay beside Tailscale's: the process alone, and what TCP gets between two machines that have no other way. */
export const benchRelay: Bench = async ({ rounds, only = Object.keys(PARTS) }) => {
  const measurements: Measurement[] = []
  for (const name of only) {
    const measure = PARTS[name]
    if (measure === undefined) throw new Error(`--only ${name}: there is only ${Object.keys(PARTS).join(', ')}`)
    measurements.push(...(await measure(rounds)))
  }
  printTable(measurements)
  return { measurements }
}
