/** Rows in columns two spaces apart, no spaces at the ends; numbers can be moved to the right. */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  rightAligned: ReadonlySet<string> = new Set(),
): readonly string[] {
  const widths = heads.map((head, column) => Math.max(...[head, ...rows.map((row) => row[column] ?? '')].map(widthOf)))
  return [heads, ...rows].map((row) =>
    heads
      .map((head, column) => {
        const text = row[column] ?? ''
        const padding = ' '.repeat((widths[column] ?? 0) - widthOf(text))
        return rightAligned.has(head) ? padding + text : text + padding
      })
      .join('  ')
      .trimEnd(),
  )
}

/** In code points: names in the mesh are ASCII, so no cell is wider than its count. */
function widthOf(text: string): number {
  return [...text].length
}
