import { type Duration, seconds, type WallTime } from '@weft/base'

/** How far clocks of two machines may differ before one takes the other's certificates for expired. */
export const CLOCK_SKEW: Duration = seconds(600)

/** Seconds since 1970, both included. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** Whether the moment lies within, with the clock's skew allowed either way. */
export function validityAt({ notBefore, notAfter }: Validity, at: WallTime): 'valid' | 'expired' | 'not-yet-valid' {
  if (at < notBefore * 1000 - CLOCK_SKEW) return 'not-yet-valid'
  return at > notAfter * 1000 + CLOCK_SKEW ? 'expired' : 'valid'
}

/** For people: `2026-11-23 21:05 UTC`; or the plain number where no calendar reaches. */
export function dayOf(secondsSince1970: number): string {
  const day = new Date(secondsSince1970 * 1000)
  return Number.isNaN(day.getTime())
    ? `second ${secondsSince1970}`
    : `${day.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
