import { type Alarm, type Clock, type Instant, instant, wallTime } from '@weft/base'
import { bootMilliseconds } from '@weft/native'

/** Instants are of CLOCK_BOOTTIME: they also count while the machine sleeps, and are the same in every thread. */
export const systemClock: Clock = () => ({ instant: instant(bootMilliseconds()), wall: wallTime(Date.now()) })

/**
 * The longest wait before looking at the clock again. `setTimeout` stops while the machine sleeps, and takes no more
 * than 2^31 - 1 ms.
 */
const LONGEST_WAIT_MS = 10_000

/** An alarm by `setTimeout`. One that is set keeps the process alive, as every unfinished task of it does. */
export function systemAlarm(): Alarm {
  let timer: NodeJS.Timeout | undefined
  return {
    set(at: Instant | undefined, ring: () => void): void {
      clearTimeout(timer)
      timer = undefined
      if (at !== undefined) wait(at, ring)
    },
  }

  function wait(at: Instant, ring: () => void): void {
    const left = Math.ceil(at - bootMilliseconds())
    timer = setTimeout(
      () => {
        if (bootMilliseconds() < at) wait(at, ring)
        else ring()
      },
      Math.min(Math.max(left, 0), LONGEST_WAIT_MS),
    )
  }
}
