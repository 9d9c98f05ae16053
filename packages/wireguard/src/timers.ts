import type { Instant } from '@weft/base'

/**
 * A tunnel's deadlines by name; ages of sessions are the fast path's. WireGuard paper §6.
 * - `rekey-attempt`: give up, 90 s after the first initiation
 * - `rekey-timeout`: send an initiation, the first or the next one, 5 s and a jitter after the last handshake message
 * - `settle-crossing`: the other end's session did not come into use; take the own one
 * - `new-handshake`: look whether what was sent is still unanswered after 10 s + 5 s and a jitter
 * - `keepalive`: look whether a packet is still owed after 10 s
 * - `persistent-keepalive`: look whether the tunnel was silent for so long
 * - `forget-sessions`: 3 × 180 s after the last handshake
 */
export type TimerName =
  | 'rekey-attempt'
  | 'rekey-timeout'
  | 'settle-crossing'
  | 'new-handshake'
  | 'keepalive'
  | 'persistent-keepalive'
  | 'forget-sessions'

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
