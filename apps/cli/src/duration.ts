import { InvalidArgumentError } from 'commander'

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Seconds of a text like `90m`, `24h` or `7d`. @throws {InvalidArgumentError} where it is none, or above ten years. */
export function parseExpiry(text: string): number {
  const match = /^([1-9]\d{0,8})([smhdw])$/.exec(text)
  const seconds = Number(match?.[1]) * (unitSeconds[match?.[2] ?? ''] ?? Number.NaN)
  if (Number.isNaN(seconds)) throw new InvalidArgumentError('Give a number and a unit: 90m, 24h, 7d.')
  if (seconds > 3650 * 86_400) throw new InvalidArgumentError('Ten years (3650d) is the most.')
  return seconds
}
