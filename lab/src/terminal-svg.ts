const LINE_HEIGHT = 18
const CHARACTER_WIDTH = 7.8
const MARGIN = 16

/** Readable on the dark ground that the picture brings along, whatever the page's own is. */
const styles: Readonly<Record<string, string>> = {
  '1': 'font-weight="bold"',
  '2': 'fill="#8b949e"',
  '31': 'fill="#ff7b72"',
  '32': 'fill="#7ee787"',
}

/** A terminal's lines, with their bold, dim, red and green, as a picture. */
export function svgOf(lines: readonly string[]): string {
  const plain = lines.map(withoutStyles)
  const width = Math.ceil(Math.max(...plain.map((line) => line.length)) * CHARACTER_WIDTH + 2 * MARGIN)
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN
  const drawn = lines.map((line, i) => {
    const isPrompt = /^\w+# /.test(line)
    const y = MARGIN + (i + 0.75) * LINE_HEIGHT
    return `<text x="${MARGIN}" y="${y}" xml:space="preserve"${isPrompt ? ' font-weight="bold"' : ''}>${spansOf(line)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, monospace" font-size="13" fill="#e6edf3">`,
    '<title>A terminal with weft at work</title>',
    `<rect width="${width}" height="${height}" rx="8" fill="#161b22"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's styles begin with one
const STYLE = /\u001b\[(\d+)m/

function spansOf(line: string): string {
  const [first = '', ...rest] = line.split(STYLE)
  let text = escaped(first)
  for (let i = 0; i < rest.length; i += 2) {
    const style = styles[rest[i] ?? '']
    const part = escaped(rest[i + 1] ?? '')
    text += style === undefined || part === '' ? part : `<tspan ${style}>${part}</tspan>`
  }
  return text
}

const withoutStyles = (line: string): string => line.replaceAll(new RegExp(STYLE, 'g'), '')

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
