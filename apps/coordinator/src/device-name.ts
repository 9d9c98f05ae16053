import { isNumberLabel, isReservedLabel, lookalikeOf, readDeviceLabel, readLabel, toAscii, toUnicode } from '@weft/dns'

/** A DNS label: RFC 1035 §2.3.1. */
const MAX_LENGTH = 63
const FALLBACK = 'device'

/** Latin letters that are no other one with an accent. */
const SPELLED: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
}

/**
 * The name that a device would like, of the host name it tells, as it is written on the wire: its first label in lower case,
 * Latin letters without accents, hyphens for what is between words. Letters of other scripts stay where they make a name, else
 * they are left out. Never a text that reads as an address or a node id.
 */
export function nameFromHostName(hostName: string): string {
  const label = hostName.trim().split('.', 1).join().toLowerCase()
  const exact = readDeviceLabel(label)
  if (exact.kind === 'label' && exact.ascii === label) return label
  const words = plainWords(label)
  const read = readLabel(toUnicode(fitted(words)))
  const name = read.kind === 'label' ? read.ascii : fitted(plainWords(words.replace(/[^a-z0-9-]/g, '')))
  if (name === '' || name === 'localhost') return FALLBACK
  return isNumberLabel(name) ? fitted(`${FALLBACK}-${name}`) : name
}

/** The name, or with `-2`, `-3`, … the first that is neither used, nor reserved, nor could be taken for a used one. */
export function freeName(name: string, used: readonly string[]): string {
  const misleads = (candidate: string) => isReservedLabel(candidate) || lookalikeOf(candidate, used) !== undefined
  if (!used.includes(name) && !misleads(name)) return name
  const taken = new Set(used)
  for (let number = 2; ; number++) {
    const candidate = fitted(toUnicode(name), `-${number}`)
    if (!taken.has(candidate) && !misleads(candidate)) return candidate
  }
}

function plainWords(label: string): string {
  const words = label
    .normalize('NFKD')
    .replace(/(\p{Script=Latin})\p{M}+/gu, '$1')
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\p{Cf}'’`]/gu, '')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
  return trimmed(words.replace(/./gu, (letter) => SPELLED[letter] ?? letter))
}

/** On the wire, shortened until it and what goes behind it are no longer than a label; empty where there is no such label. */
function fitted(words: string, behind = ''): string {
  for (const letters = [...words].slice(0, MAX_LENGTH); letters.length > 0; letters.pop()) {
    const ascii = toAscii(trimmed(letters.join('')) + behind)
    if (ascii !== undefined && ascii.length <= MAX_LENGTH) return ascii
  }
  return ''
}

const trimmed = (label: string): string => label.replace(/^-+|-+$/g, '')
