import { median, rounded } from '../measurement.ts'

/** One number of one round. */
export interface Figure {
  readonly name: string
  readonly unit: 'ms' | 'packets'
  readonly value: number
  /** What it should not exceed. */
  readonly aim?: number | undefined
}

export interface FigureOfRounds extends Omit<Figure, 'value'> {
  /** One of each round. */
  readonly values: readonly number[]
}

export function ofRounds(figures: readonly Figure[]): readonly FigureOfRounds[] {
  const byName = Map.groupBy(figures, ({ name }) => name)
  return [...byName.values()].flatMap((same) => {
    const [first] = same
    if (first === undefined) return []
    const { value: _, ...figure } = first
    return [{ ...figure, values: same.map(({ value }) => value) }]
  })
}

/** Markdown. */
export function printFigures(figures: readonly FigureOfRounds[]): void {
  console.log('\n| | unit | median | worst | aim, of the worst | rounds |\n| --- | --- | --- | --- | --- | --- |')
  for (const { name, unit, values, aim } of figures) {
    const worst = Math.max(...values)
    const verdict = aim === undefined ? '' : `≤ ${aim}: ${worst <= aim ? 'met' : '**not met**'}`
    console.log(`| ${[name, unit, rounded(median(values)), rounded(worst), verdict, values.length].join(' | ')} |`)
  }
}
