import { randomBytes } from '@weft/base'
import type { SeededRandom } from '../seeded-random.ts'

/** A new input out of one that is valid, and perhaps parts of another. What it is given stays as it is. */
export type Mutation<Input> = (valid: Input, other: Input, random: SeededRandom) => Input

const MOST_CHANGES = 4
const MOST_ADDED = 64

type Change<Input> = (input: Input, other: Input, random: SeededRandom) => Input

/** One to four changes one after the other; now and then nothing but noise. */
function changedBy<Input>(changes: readonly Change<Input>[], noise: (random: SeededRandom) => Input): Mutation<Input> {
  return (valid, other, random) => {
    if (random.chance(0.05)) return noise(random)
    let input = valid
    for (let left = 1 + random.below(MOST_CHANGES); left > 0; left--) input = random.pick(changes)(input, other, random)
    return input
  }
}

interface Sliceable<Part> {
  readonly length: number
  slice(start: number, end?: number): Part
}

/** Two ends within it, in order. */
function cut({ length }: { readonly length: number }, random: SeededRandom): readonly [start: number, end: number] {
  const [a, b] = [random.below(length + 1), random.below(length + 1)]
  return a < b ? [a, b] : [b, a]
}

/** What is done alike to bytes and to texts. */
function sliceChanges<Input extends Sliceable<Input>>(
  join: (...parts: readonly Input[]) => Input,
  noise: (random: SeededRandom) => Input,
): readonly Change<Input>[] {
  return [
    (input, _other, random) => input.slice(0, random.below(input.length + 1)),
    (input, _other, random) => join(input, noise(random)),
    (input, _other, random) => {
      const [start, end] = cut(input, random)
      return join(input.slice(0, start), input.slice(end))
    },
    (input, _other, random) => {
      const [start, end] = cut(input, random)
      return join(input.slice(0, end), input.slice(start))
    },
    (input, other, random) => {
      const [start, end] = cut(other, random)
      const at = random.below(input.length + 1)
      const rest = random.chance(0.5) ? at : Math.min(input.length, at + end - start)
      return join(input.slice(0, at), other.slice(start, end), input.slice(rest))
    },
  ]
}

const INTERESTING_BYTES = [0, 1, 2, 3, 4, 0x0a, 0x20, 0x7f, 0x80, 0xfe, 0xff]
const INTERESTING_NUMBERS = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 2n ** 31n, 2n ** 32n - 1n]
const WIDE_NUMBERS = [2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n]

const joinBytes = (...parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const byteNoise = (random: SeededRandom): Uint8Array => randomBytes(random, random.below(MOST_ADDED))

function withByte(change: (byte: number, random: SeededRandom) => number): Change<Uint8Array> {
  return (input, _other, random) => {
    const copy = input.slice()
    const at = random.below(copy.length)
    if (copy.length > 0) copy[at] = change(copy[at] ?? 0, random)
    return copy
  }
}

function withNumber(input: Uint8Array, _other: Uint8Array, random: SeededRandom): Uint8Array {
  const width = random.pick([2, 4, 8])
  if (input.length < width) return input
  const copy = input.slice()
  const view = new DataView(copy.buffer)
  const at = random.below(copy.length - width + 1)
  const isLittle = random.chance(0.5)
  const number = random.pick(width === 8 ? [...INTERESTING_NUMBERS, ...WIDE_NUMBERS] : INTERESTING_NUMBERS)
  if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, number)), isLittle)
  else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, number)), isLittle)
  else view.setBigUint64(at, number, isLittle)
  return copy
}

/** Bits, bytes and numbers changed, pieces cut out, doubled and taken from the other. */
export const mutateBytes: Mutation<Uint8Array> = changedBy<Uint8Array>(
  [
    withByte((byte, random) => byte ^ (1 << random.below(8))),
    withByte((byte, random) => byte ^ (1 << random.below(8))),
    withByte((_byte, random) => random.pick(INTERESTING_BYTES)),
    withByte((_byte, random) => random.below(256)),
    withNumber,
    ...sliceChanges(joinBytes, byteNoise),
  ],
  byteNoise,
)

const TOKENS = [
  ...[
    '',
    ' ',
    '\n',
    '\r\n',
    '\t',
    '\0',
    '"',
    "'",
    '\\',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '=',
    '/',
    '.',
    '..',
    '-',
    '+',
    '%',
  ],
  ...['0', '-1', '1', '00', '0x10', '1e9', '1.5', '255', '256', '65535', '65536', '4294967296', '9007199254740993'],
  ...['18446744073709551616', 'NaN', 'Infinity', 'null', 'true', '__proto__', 'constructor', 'é', '\u2028', '\ud800'],
  ...['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::', '0.0.0.0/0', '::/0', '127.0.0.1:0', '[::1]:65536', '😀'],
]

const joinText = (...parts: readonly string[]): string => parts.join('')

function textNoise(random: SeededRandom): string {
  let text = ''
  for (let left = random.below(MOST_ADDED / 4); left > 0; left--)
    text += random.chance(0.5) ? random.pick(TOKENS) : String.fromCharCode(random.below(128))
  return text
}

function withLines(input: string, other: string, random: SeededRandom): string {
  const lines = input.split('\n')
  const at = random.below(lines.length)
  switch (random.below(3)) {
    case 0:
      lines.splice(at, 1)
      break
    case 1:
      lines.splice(random.below(lines.length + 1), 0, lines[at] ?? '')
      break
    default:
      lines.splice(at, random.below(2), random.pick(other.split('\n')))
  }
  return lines.join('\n')
}

/** One word, or what stands between two signs, becomes another. */
function withToken(input: string, _other: string, random: SeededRandom): string {
  const words = [...input.matchAll(/[\p{L}\p{N}_+-]+/gu)]
  if (words.length === 0) return input + random.pick(TOKENS)
  const { index, 0: word } = random.pick(words)
  return input.slice(0, index) + random.pick(TOKENS) + input.slice(index + word.length)
}

/** Characters, words and lines changed, pieces cut out, doubled and taken from the other. */
export const mutateText: Mutation<string> = changedBy<string>(
  [
    (input, _other, random) => {
      const at = random.below(input.length + 1)
      return input.slice(0, at) + String.fromCharCode(random.below(128)) + input.slice(at + random.below(2))
    },
    withToken,
    withToken,
    withLines,
    ...sliceChanges(joinText, textNoise),
  ],
  textNoise,
)
