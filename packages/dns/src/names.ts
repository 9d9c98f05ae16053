import { MAX_LABEL } from './constants.ts'
import { toAscii, toUnicode } from './idna.ts'
import { isMixed, looksAscii, skeletonOf } from './lookalikes.ts'
import { RESOLVER_LABEL } from './resolver-address.ts'

export type ReadLabel =
  | { readonly kind: 'label'; readonly ascii: string }
  /** `why`: goes behind the name and a colon. */
  | { readonly kind: 'refused'; readonly why: string }

/** What means something else to people or programs. */
const RESERVED: ReadonlySet<string> = new Set([
  'coordinator',
  RESOLVER_LABEL,
  'localhost',
  'relay',
  'resolver',
  'self',
  'weft',
  'wpad',
])

export const isReservedLabel = (ascii: string): boolean => RESERVED.has(ascii)

/** Whether the label reads as an address's part, or as a node id: DNS would not mind, programs do. */
export const isNumberLabel = (ascii: string): boolean => /^(?:\d+|0x[0-9a-f]*|[0-9a-f]{32})$/.test(ascii)

/** A device's name as somebody typed it: one label, as it is then written on the wire. */
export function readDeviceLabel(text: string): ReadLabel {
  if (text.includes('.')) return refused('a name has no dots; weft puts its domain behind it')
  const read = readLabel(text)
  if (read.kind === 'refused') return read
  if (RESERVED.has(read.ascii)) return refused('that name means something else; take another')
  if (isNumberLabel(read.ascii)) return refused('it reads as a number or an id; add a letter that makes it a name')
  return read
}

/** One label of letters, digits and hyphens of any language. */
export function readLabel(text: string): ReadLabel {
  if (text === '') return refused('a name is wanted, and this is none')
  if (/\s/u.test(text)) return refused('a name has no spaces; use a hyphen')
  if (text.startsWith('-') || text.endsWith('-')) return refused('a name does not begin or end with a hyphen')
  const odd = /[^\p{L}\p{M}\p{N}-]/u.exec(text)
  if (odd !== null) return refused(`${shown(odd[0])} is neither letter, digit nor hyphen`)
  const ascii = toAscii(text)
  if (ascii === undefined || !/^[a-z0-9-]+$/.test(ascii)) return refused('that is no name by the rules of IDNA')
  if (ascii.length > MAX_LABEL) return refused(`it is too long: ${MAX_LABEL} letters at most, fewer of other scripts`)
  const unicode = toUnicode(ascii)
  if (ascii.startsWith('xn--') ? unicode === ascii : ascii.slice(2, 4) === '--')
    return refused('two hyphens in the third and fourth place are kept for encoded names')
  if (isMixed(unicode)) return refused('it mixes letters of several scripts, which could be taken for another name')
  if (looksAscii(unicode)) return refused(`it could be taken for ${skeletonOf(unicode)}: use those letters`)
  return { kind: 'label', ascii }
}

/** The one of the names that this one could be taken for, where there is one. */
export function lookalikeOf(ascii: string, others: Iterable<string>): string | undefined {
  const skeleton = skeletonOf(toUnicode(ascii))
  for (const other of others) {
    // Skeletons are made letter by letter.
    if (other === ascii || (other.length !== skeleton.length && !other.startsWith('xn--'))) continue
    if (skeletonOf(toUnicode(other)) === skeleton) return other
  }
  return undefined
}

/** The name, of one label or several, as people read it; a label that could deceive them stays as DNS has it. */
export function shownName(name: string): string {
  if (!name.includes('xn--')) return name
  return name.split('.').map(shownLabel).join('.')
}

function shownLabel(label: string): string {
  return label.startsWith('xn--') && readLabel(label).kind === 'label' ? toUnicode(label) : label
}

const refused = (why: string): ReadLabel => ({ kind: 'refused', why })

/** What cannot be seen is told by its number. */
function shown(character: string): string {
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character)
    ? character
    : `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}
