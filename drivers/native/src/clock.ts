import { addressOf, bind, checked } from './library.ts'

const CLOCK_BOOTTIME = 7

const clockGettime = bind('int clock_gettime(int clock, uintptr_t timespec)')
const timespec = new DataView(new ArrayBuffer(16))
const timespecAddress = addressOf(timespec)

/** Milliseconds since the machine started, its sleep included; the same in every thread and process of the machine. */
export function bootMilliseconds(): number {
  checked('clock_gettime', clockGettime(CLOCK_BOOTTIME, timespecAddress))
  const seconds = timespec.getUint32(0, true) + timespec.getUint32(4, true) * 2 ** 32
  return seconds * 1000 + timespec.getUint32(8, true) / 1e6
}
