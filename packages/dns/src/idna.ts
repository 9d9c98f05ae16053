/** Names of other letters than ASCII's: UTS 46 by the tables that `URL` has in every JavaScript, and Punycode (RFC 3492) back. */

/** So that a label of digits is not read as an address. */
const BEHIND = '.weft'
const PREFIX = 'xn--'

/** One label as DNS has it; `undefined` where it is none. */
export function toAscii(label: string): string | undefined {
  if (!/^[\p{L}\p{M}\p{N}-]+$/u.test(label)) return undefined
  return URL.parse(`http://${label}${BEHIND}`)?.hostname.slice(0, -BEHIND.length) || undefined
}

/** The label in its own letters; as it is where it has none, or is encoded otherwise than `toAscii` does. */
export function toUnicode(label: string): string {
  if (!label.startsWith(PREFIX)) return label
  const decoded = decodePunycode(label.slice(PREFIX.length))
  return decoded !== undefined && toAscii(decoded) === label ? decoded : label
}

/** RFC 3492 §5. */
const BASE = 36
const T_MIN = 1
const T_MAX = 26
const SKEW = 38
const DAMP = 700
const INITIAL_BIAS = 72
const INITIAL_CODE_POINT = 128
const LAST_CODE_POINT = 0x10ffff

/** RFC 3492 §6.2. */
function decodePunycode(text: string): string | undefined {
  const basic = Math.max(0, text.lastIndexOf('-'))
  const points = [...text.slice(0, basic)].map((letter) => letter.charCodeAt(0))
  let codePoint = INITIAL_CODE_POINT
  let bias = INITIAL_BIAS
  let place = 0
  for (let at = basic > 0 ? basic + 1 : 0; at < text.length; ) {
    const before = place
    for (let weight = 1, k = BASE; ; k += BASE) {
      const digit = digitOf(text.charCodeAt(at++))
      if (digit === undefined) return undefined
      place += digit * weight
      const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX)
      if (digit < threshold) break
      weight *= BASE - threshold
    }
    const count = points.length + 1
    bias = adapted(place - before, count, before === 0)
    codePoint += Math.floor(place / count)
    if (codePoint > LAST_CODE_POINT) return undefined
    place %= count
    points.splice(place++, 0, codePoint)
  }
  return String.fromCodePoint(...points)
}

/** `a` to `z` are 0 to 25, `0` to `9` go on; past the end there is none. */
function digitOf(code: number): number | undefined {
  if (code >= 97 && code <= 122) return code - 97
  return code >= 48 && code <= 57 ? code - 22 : undefined
}

/** RFC 3492 §6.1. */
function adapted(delta: number, count: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? DAMP : 2))
  rest += Math.floor(rest / count)
  let k = 0
  for (; rest > ((BASE - T_MIN) * T_MAX) / 2; k += BASE) rest = Math.floor(rest / (BASE - T_MIN))
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW))
}
