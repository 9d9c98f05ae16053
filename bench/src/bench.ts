import { type Measurement, printTable } from './measurement.ts'

export interface BenchOptions {
  readonly rounds: number
  /** Names of what is measured; everything unless given. */
  readonly only: readonly string[] | undefined
  readonly wire: string | undefined
  /** The directory that a CPU profile is written to. */
  readonly profile: string | undefined
}

/** Prints its table, and gives what goes into the JSON. */
export type Bench = (options: BenchOptions) => Promise<Readonly<Record<string, unknown>>>

/** A bench that only knows rounds. */
export function plain(measure: (rounds: number) => Promise<readonly Measurement[]>): Bench {
  return async ({ rounds }) => {
    const measurements = await measure(rounds)
    printTable(measurements)
    return { measurements }
  }
}
