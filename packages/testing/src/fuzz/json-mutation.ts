import { fromBase64, fromHex, toBase64, toHex } from '@weft/base'
import type { SeededRandom } from '../seeded-random.ts'
import { type Mutation, mutateBytes, mutateText } from './mutations.ts'

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -0,
    -1,
    1,
    0.5,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    -(2 ** 53),
    1e308,
    '',
    ' ',
    '\0',
    '\n',
    '\ud800',
  ],
  ...[[], {}, [[]], [null], { a: {} }, '0'.repeat(100), 'x'.repeat(70_000), '127.0.0.1:1', '::1', '10.0.0.0/8'],
]

/** A valid JSON text with values replaced, fields added, renamed, left out and taken from the other; sometimes broken as a text. */
export const mutateJson: Mutation<string> = (valid, other, random) => {
  if (random.chance(0.15)) return mutateText(valid, other, random)
  const holder = { whole: JSON.parse(valid) as unknown }
  const donor = JSON.parse(other) as unknown
  for (let left = 1 + random.below(3); left > 0; left--) changeOne(holder, donor, random)
  const text = JSON.stringify(holder.whole) ?? 'null'
  return random.chance(0.1) ? text.replace('"', '"__proto__":{},"') : text
}

type Fields = Record<string, unknown>

function changeOne(whole: { whole: unknown }, donor: unknown, random: SeededRandom): void {
  const [holder, key] = random.pick([...placesIn(whole as Fields), [whole as Fields, 'whole'] as const])
  switch (random.below(6)) {
    case 0:
      holder[key] = structuredClone(random.pick(VALUES))
      return
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else delete holder[key]
      return
    case 2:
      holder[random.pick(['a', '__proto__x', 'type', 'id', key.toUpperCase(), `${key}s`])] = holder[key]
      return
    case 3: {
      const [from, at] = random.pick(placesIn({ donor } as Fields))
      holder[key] = structuredClone(from[at])
      return
    }
    case 4:
      if (Array.isArray(holder)) holder.push(...holder.slice(0, 1 + random.below(4)))
      else holder[key] = [holder[key]]
      return
    default:
      holder[key] = nudged(holder[key], random)
  }
}

function nudged(value: unknown, random: SeededRandom): unknown {
  if (typeof value === 'string') return random.chance(0.5) ? recoded(value, random) : mutateText(value, value, random)
  if (typeof value === 'number') return value + random.pick([1, -1, 0.5, 2 ** 31, -(2 ** 31)])
  return String(value)
}

/** Other bytes in the same coding, where the text codes any. */
function recoded(text: string, random: SeededRandom): string {
  const hex = fromHex(text)
  if (hex !== undefined) return toHex(mutateBytes(hex, hex, random))
  const bytes = fromBase64(text)
  return bytes === undefined ? mutateText(text, text, random) : toBase64(mutateBytes(bytes, bytes, random))
}

/** Every value together with what holds it. */
function placesIn(fields: Fields): readonly (readonly [holder: Fields, key: string])[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const inside = typeof value === 'object' && value !== null ? placesIn(value as Fields) : []
    return [[fields, key] as const, ...inside]
  })
}
