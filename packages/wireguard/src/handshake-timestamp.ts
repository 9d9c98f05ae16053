import { viewOf, type WallTime, wallTime } from '@weft/base'
import { TIMESTAMP_LEAD } from './constants.ts'

/**
 * The timestamp in an initiation: TAI64N, big-endian. WireGuard paper §5.1.
 *
 *     0  seconds       8   = 2^62 + 10 + seconds since 1970
 *     8  nanoseconds   4
 */
export const TIMESTAMP_LENGTH = 12
const TAI64_HIGH = 0x4000_0000
/** TAI was 10 s ahead of UTC in 1970. Leap seconds since then are left out, as other implementations do. */
const TAI_OFFSET = 10
const NANOSECONDS = 1_000_000_000
/** Where the clock is behind: milliseconds for a million timestamps each, as they are a nanosecond apart then. */
const MIN_LEAD = 1000
/** Cuts to 2^24 ns, about 17 ms, so that the timestamp says less about the machine's clock. */
const COARSENESS = 0xff_ffff

/**
 * Timestamps for initiations, each later than all before it, also where the clock stands still or is set back. Before
 * one is given that is later than the *bound*, `reserve` is called with a new bound, to be kept over a restart.
 */
export class TimestampSource {
  readonly #reserve: (bound: WallTime) => void
  #seconds = 0
  #nanoseconds = 0
  #bound: WallTime | undefined

  /** `bound`: no timestamp before the last restart was later. */
  constructor(options: { readonly bound?: WallTime | undefined; readonly reserve: (bound: WallTime) => void }) {
    this.#reserve = options.reserve
    this.#bound = options.bound
    if (options.bound === undefined) return
    const bound = Math.max(0, Math.ceil(options.bound))
    this.#seconds = Math.floor(bound / 1000)
    this.#nanoseconds = (bound % 1000) * 1_000_000
  }

  next(wall: WallTime): Uint8Array {
    this.#step(wall)
    const at = this.#seconds * 1000 + Math.ceil(this.#nanoseconds / 1_000_000)
    if (this.#bound === undefined || at > this.#bound) {
      // Of the clock, not of what was kept, or each restart would leave it further ahead.
      this.#bound = wallTime(Math.max(Math.ceil(wall) + TIMESTAMP_LEAD, at + MIN_LEAD))
      this.#reserve(this.#bound)
    }
    return encodeTimestamp(this.#seconds, this.#nanoseconds)
  }

  #step(wall: WallTime): void {
    const seconds = Math.max(0, Math.floor(wall / 1000))
    const nanoseconds = (Math.max(0, Math.floor(wall % 1000)) * 1_000_000) & ~COARSENESS
    if (seconds > this.#seconds || (seconds === this.#seconds && nanoseconds > this.#nanoseconds)) {
      this.#seconds = seconds
      this.#nanoseconds = nanoseconds
    } else this.#advance()
  }

  #advance(): void {
    this.#nanoseconds += 1
    if (this.#nanoseconds < NANOSECONDS) return
    this.#nanoseconds = 0
    this.#seconds += 1
  }
}

export function isLaterTimestamp(timestamp: Uint8Array, than: Uint8Array): boolean {
  for (let i = 0; i < TIMESTAMP_LENGTH; i++) {
    const difference = (timestamp[i] ?? 0) - (than[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

function encodeTimestamp(seconds: number, nanoseconds: number): Uint8Array {
  const timestamp = new Uint8Array(TIMESTAMP_LENGTH)
  const view = viewOf(timestamp)
  const tai = seconds + TAI_OFFSET
  view.setUint32(0, TAI64_HIGH + Math.floor(tai / 2 ** 32))
  view.setUint32(4, tai >>> 0)
  view.setUint32(8, nanoseconds)
  return timestamp
}
