import type { Brand } from './brand.ts'

/** Milliseconds on a clock that never steps and also counts while the machine sleeps. Its zero means nothing. */
export type Instant = Brand<number, 'Instant'>
/** Milliseconds between two moments. */
export type Duration = Brand<number, 'Duration'>
/** Milliseconds since 1970-01-01 UTC, as the machine's own, perhaps wrong, clock tells. */
export type WallTime = Brand<number, 'WallTime'>

/** What every core is told with each input. */
export interface Now {
  readonly instant: Instant
  readonly wall: WallTime
}

export type Clock = () => Now

export const instant = (milliseconds: number): Instant => checked(milliseconds) as Instant
export const wallTime = (milliseconds: number): WallTime => checked(milliseconds) as WallTime
export const milliseconds = (count: number): Duration => checked(count) as Duration
export const seconds = (count: number): Duration => checked(count * 1000) as Duration

export const later = (from: Instant, by: Duration): Instant => (from + by) as Instant
export const between = (from: Instant, to: Instant): Duration => (to - from) as Duration

/** The earliest of those that are set. */
export function earliest(...moments: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined
  for (const moment of moments) {
    if (moment !== undefined && (first === undefined || moment < first)) first = moment
  }
  return first
}

function checked(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`not a finite time: ${value}`)
  return value
}
