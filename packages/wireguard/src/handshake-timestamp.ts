import { viewOf, type WallTime } from '@weft/base'

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
/** Cuts to 2^24 ns, about 17 ms, so that the timestamp says less about the machine's clock. */
const COARSENESS = 0xff_ffff

/** Timestamps for initiations, each later than all before it, also where the clock stands still or is set back. */
export class TimestampSource {
  #seconds = 0
  #nanoseconds = 0

  next(wall: WallTime): Uint8Array {
    const seconds = Math.max(0, Math.floor(wall / 1000))
    const nanoseconds = (Math.max(0, Math.floor(wall % 1000)) * 1_000_000) & ~COARSENESS
    if (seconds > this.#seconds || (seconds === this.#seconds && nanoseconds > this.#nanoseconds)) {
      this.#seconds = seconds
      this.#nanoseconds = nanoseconds
    } else this.#advance()
    return encodeTimestamp(this.#seconds, this.#nanoseconds)
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
