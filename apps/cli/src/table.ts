import { styleText } from 'node:util'
import { cutTo, widthOf } from './text-width.ts'

export interface TableOptions {
  /** Heads of columns with numbers. */
  readonly right?: ReadonlySet<string>
  /** Heads of columns that lose the middle or the end of their cells where the table is too wide. */
  readonly cut?: ReadonlyMap<string, 'middle' | 'end'>
  /** Of the terminal. */
  readonly width?: number | undefined
}

const GAP = '  '
/** No column is cut further. */
const LEAST = 8

/** Rows in columns two spaces apart, no spaces at the ends. */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  { right, cut, width }: TableOptions = {},
): readonly string[] {
  const natural = heads.map((head, column) => Math.max(...[head, ...rows.map((row) => row[column] ?? '')].map(widthOf)))
  const mayCut = heads.map((head) => cut?.has(head) ?? false)
  const widths = narrowed(natural, mayCut, width ?? Number.POSITIVE_INFINITY)
  const [head = '', ...body] = [heads, ...rows].map((row) =>
    heads
      .map((head, column) => {
        const room = widths[column] ?? 0
        const text = cutTo(row[column] ?? '', room, cut?.get(head) ?? 'end')
        const padding = ' '.repeat(room - widthOf(text))
        return right?.has(head) ? padding + text : text + padding
      })
      .join(GAP)
      .trimEnd(),
  )
  // Looks at the stream itself: plain where nobody looks, or where NO_COLOR asks for it.
  return [styleText('bold', head), ...body]
}

/** Takes from the widest of those that may be cut, until all fit or none has more to give. */
function narrowed(natural: readonly number[], mayCut: readonly boolean[], width: number): readonly number[] {
  const widths = [...natural]
  let excess = widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1)) - width
  for (; excess > 0; excess--) {
    const widest = Math.max(...widths.filter((_, column) => mayCut[column]))
    if (widest <= LEAST) break
    widths[widths.findIndex((each, column) => mayCut[column] && each === widest)] = widest - 1
  }
  return widths
}
