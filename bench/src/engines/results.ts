import { median, rounded } from '../measurement.ts'
import type { Wire } from './engine-pair.ts'
import type { Better, Figure } from './quantity.ts'

interface Row {
  readonly name: string
  readonly wire: Wire | 'any'
  readonly unit: string
  readonly better: Better
  /** One value of each round, by engine; fewer where it failed. */
  readonly values: Map<string, number[]>
}

const TITLES = {
  whole: 'UDP super-packets whole on the wire',
  cut: 'UDP super-packets cut before the wire',
  any: 'Without regard to the wire',
} as const

/** Every figure of every engine, round by round. The first engine is what the others are compared with. */
export class Results {
  readonly #engines: readonly string[]
  readonly #rows = new Map<string, Row>()

  constructor(engines: readonly string[]) {
    this.#engines = engines
  }

  add(engine: string, wire: Row['wire'], figures: readonly Figure[]): void {
    for (const { name, unit, better, value } of figures) {
      const key = `${wire} ${name}`
      const row: Row = this.#rows.get(key) ?? { name, wire, unit, better, values: new Map() }
      this.#rows.set(key, row)
      row.values.set(engine, [...(row.values.get(engine) ?? []), value])
    }
  }

  figures(): readonly unknown[] {
    return [...this.#rows.values()].map((row) => ({
      ...row,
      values: Object.fromEntries(row.values),
      medians: Object.fromEntries([...row.values].map(([engine, values]) => [engine, median(values)])),
      ratio: this.#ratio(row),
    }))
  }

  /** Markdown: medians with the least and the most of the rounds. */
  print(): void {
    for (const wire of ['whole', 'cut', 'any'] as const) {
      const rows = [...this.#rows.values()].filter((row) => row.wire === wire)
      if (rows.length === 0) continue
      console.log(`\n### ${TITLES[wire]}\n`)
      const [first = '', ...others] = this.#engines
      console.log(line(['', 'unit', first, ...others, `${first} : best of the others`]))
      console.log(line(['---', '---', ...this.#engines.map(() => '---'), '---']))
      for (const row of rows) {
        const cells = this.#engines.map((engine) => spread(row.values.get(engine)))
        console.log(line([row.name, row.unit, ...cells, this.#ratioText(row)]))
      }
    }
  }

  #ratioText(row: Row): string {
    const ratio = this.#ratio(row)
    if (ratio === undefined) return '–'
    return `${spread(ratio.values)} × ${ratio.of}`
  }

  /** Paired, round by round, with the other that has the best median. */
  #ratio(row: Row): { readonly of: string; readonly values: readonly number[] } | undefined {
    const [first = '', ...others] = this.#engines
    const own = row.values.get(first)
    const [best] = others
      .flatMap((name) => {
        const values = row.values.get(name)
        return values === undefined ? [] : [{ name, values, median: median(values) }]
      })
      .toSorted((a, b) => (row.better === 'more' ? b.median - a.median : a.median - b.median))
    if (own === undefined || best === undefined || row.better === 'neither') return undefined
    if (own.length !== best.values.length || best.values.includes(0)) return undefined
    return { of: best.name, values: own.map((value, round) => value / (best.values[round] ?? Number.NaN)) }
  }
}

function spread(values: readonly number[] | undefined): string {
  if (values === undefined) return 'failed'
  const least = rounded(Math.min(...values))
  const most = rounded(Math.max(...values))
  return `**${rounded(median(values))}** (${least}–${most})`
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
