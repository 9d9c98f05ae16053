import { stripVTControlCharacters } from 'node:util'

/** Not drawn in a place of its own: accents that are put on a letter, and signs that only format. */
const ZERO = /[\p{M}\p{Cf}]/u
/** Two places wide: Unicode's UAX 11, East Asian Wide and Fullwidth, as far as names and texts of ours have them. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

/** How many places a terminal takes for it. Colours take none. */
export function widthOf(text: string): number {
  const plain = stripVTControlCharacters(text)
  if (/^[ -~]*$/.test(plain)) return plain.length
  return [...plain].reduce((sum, letter) => sum + letterWidth(letter), 0)
}

/** At most so wide: what is too long loses its middle or its end, and shows that by `…`. */
export function cutTo(text: string, width: number, lost: 'middle' | 'end'): string {
  if (widthOf(text) <= width) return text
  const letters = [...text]
  const behind = lost === 'end' ? 0 : Math.floor((width - 1) / 2)
  const start = taken(letters, width - 1 - behind)
  const end = taken([...letters].reverse(), behind).reverse()
  return `${start.join('')}…${end.join('')}`
}

/** Lines of at most that width, where words allow it; what goes on is indented. */
export function wrapTo(text: string, width: number): readonly string[] {
  if (widthOf(text) <= width) return [text]
  const lines: string[] = []
  for (const word of text.split(/(?<=\S)(?= )/)) {
    const last = lines.at(-1)
    if (last === undefined || widthOf(last + word) > width)
      lines.push(last === undefined ? word : `    ${word.trimStart()}`)
    else lines[lines.length - 1] = last + word
  }
  return lines
}

function taken(letters: readonly string[], width: number): string[] {
  let used = 0
  const end = letters.findIndex((letter) => {
    used += letterWidth(letter)
    return used > width
  })
  return letters.slice(0, end < 0 ? letters.length : end)
}

function letterWidth(letter: string): number {
  if (ZERO.test(letter)) return 0
  return WIDE.test(letter) ? 2 : 1
}
