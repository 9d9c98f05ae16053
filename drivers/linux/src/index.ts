/** Linux: the system clock. */
export { systemAlarm, systemClock } from './system-clock.ts'
