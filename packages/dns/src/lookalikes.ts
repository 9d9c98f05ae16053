/**
 * Which names could be taken for others (after Unicode's UTS 39, of which this is the part that a single label needs): letters
 * of several scripts in one word, and letters of other scripts that look like those of ours.
 */

/** Of the writing systems that are read beside each other: UTS 39 §5.2, "highly restrictive". */
const TOGETHER: readonly (readonly string[])[] = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
]

const SCRIPTS = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Georgian',
  'Hebrew',
  'Arabic',
  'Devanagari',
  'Bengali',
  'Gurmukhi',
  'Gujarati',
  'Oriya',
  'Tamil',
  'Telugu',
  'Kannada',
  'Malayalam',
  'Sinhala',
  'Thai',
  'Lao',
  'Tibetan',
  'Myanmar',
  'Ethiopic',
  'Khmer',
  'Han',
  'Hiragana',
  'Katakana',
  'Bopomofo',
  'Hangul',
].map((name) => ({ name, pattern: new RegExp(`\\p{Script=${name}}`, 'u') }))

const SHARED = /[\p{Script=Common}\p{Script=Inherited}]/u

/** What looks like a letter or digit of ours, in lower case. */
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  ...pairs('асԁеһіјӏорԛѕԝхуѵԍпкмт', 'acdehijlopqswxyvgnkmt'),
  ...pairs('αοινρκυγχηωτ', 'aoivpkuyxnwt'),
  ...pairs('օհոսցզյ', 'ohnugqj'),
  ...pairs('ıɑɡȷʟƅɩʋ', 'iagjlbiv'),
  0: 'o',
  1: 'l',
}

/** Whether the letters are of writing systems that nobody mixes in one word. */
export function isMixed(label: string): boolean {
  const scripts = new Set<string>()
  for (const letter of label) {
    if (SHARED.test(letter)) continue
    scripts.add(SCRIPTS.find(({ pattern }) => pattern.test(letter))?.name ?? 'another')
  }
  if (scripts.size <= 1) return scripts.has('another')
  return !TOGETHER.some((together) => [...scripts].every((script) => together.includes(script)))
}

/** Equal for labels that look alike. */
export function skeletonOf(label: string): string {
  return [...label.normalize('NFC').toLowerCase()].map((letter) => LOOKS_LIKE[letter] ?? letter).join('')
}

/** Whether a label of other letters than ours looks as if it were of ours alone. */
export function looksAscii(label: string): boolean {
  return !isAscii(label) && isAscii(skeletonOf(label))
}

const isAscii = (text: string): boolean => /^[ -~]*$/.test(text)

function pairs(from: string, to: string): Record<string, string> {
  const like = [...to]
  return Object.fromEntries([...from].map((letter, i) => [letter, like[i] ?? letter]))
}
