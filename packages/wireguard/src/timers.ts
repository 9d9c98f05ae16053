import type { Instant } from '@weft/base'

/**
 * A tunnel's deadlines by name.
 * - `initiate`: send an initiation, the next one, or give up
 * - `settle-crossing`: the other end's session did not come into use; take the own one
 * - `answer`: look whether what was sent is still unanswered
 * - `keepalive`: look whether a packet is still owed
 * - `forget`: forget all sessions
 */
export type TimerName = 'initiate' | 'settle-crossing' | 'answer' | 'keepalive' | 'forget'

/** Absolute deadlines, one for each name; setting one replaces it. */
export class Timers {
  readonly #deadlines = new Map<TimerName, Instant>()

  set(name: TimerName, at: Instant): void {
    this.#deadlines.set(name, at)
  }

  clear(...names: readonly TimerName[]): void {
    for (const name of names) this.#deadlines.delete(name)
  }

  clearAll(): void {
    this.#deadlines.clear()
  }

  isSet(name: TimerName): boolean {
    return this.#deadlines.has(name)
  }

  next(): Instant | undefined {
    return this.#earliest()?.[1]
  }

  /** The earliest that is due, which is no longer set then. */
  takeDue(now: Instant): TimerName | undefined {
    const earliest = this.#earliest()
    if (earliest === undefined || earliest[1] > now) return undefined
    this.#deadlines.delete(earliest[0])
    return earliest[0]
  }

  #earliest(): readonly [TimerName, Instant] | undefined {
    let earliest: readonly [TimerName, Instant] | undefined
    for (const entry of this.#deadlines) if (earliest === undefined || entry[1] < earliest[1]) earliest = entry
    return earliest
  }
}
