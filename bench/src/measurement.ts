/** One quantity, measured once in each round. */
export interface Measurement {
  readonly name: string
  readonly unit: string
  readonly values: readonly number[]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2
}

/** Of two quantities measured in the same rounds, round by round. */
export function pairedRatio(name: string, over: Measurement, under: Measurement): Measurement {
  return { name, unit: '×', values: over.values.map((value, round) => value / (under.values[round] ?? Number.NaN)) }
}

export function printTable(measurements: readonly Measurement[]): void {
  console.table(
    Object.fromEntries(
      measurements.map(({ name, unit, values }) => [
        `${name}, ${unit}`,
        { median: rounded(median(values)), least: rounded(Math.min(...values)), most: rounded(Math.max(...values)) },
      ]),
    ),
  )
}

export const rounded = (value: number): number => Number(value.toPrecision(3))
