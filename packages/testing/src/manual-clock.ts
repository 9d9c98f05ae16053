import { type Duration, type Instant, instant, type Now, type WallTime, wallTime } from '@weft/base'

/** A clock that stands still until it is moved. It begins on 2026-01-01, after a minute of running. */
export class ManualClock {
  #instant: Instant = instant(60_000)
  #wall: WallTime = wallTime(Date.UTC(2026, 0, 1))

  readonly now = (): Now => ({ instant: this.#instant, wall: this.#wall })

  advance(by: Duration): void {
    this.#instant = instant(this.#instant + by)
    this.#wall = wallTime(this.#wall + by)
  }

  /** Does nothing where that moment has passed. */
  advanceTo(moment: Instant): void {
    if (moment > this.#instant) this.advance((moment - this.#instant) as Duration)
  }
}
