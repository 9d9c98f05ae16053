import { setTimeout as sleep } from 'node:timers/promises'

/** Between two looks, in ms: short, for a user waits. */
const STEP = 25

/** Looks until it holds; false where it did not within the time, in ms, or the signal was aborted. */
export async function waitUntil(
  holds: () => Promise<boolean> | boolean,
  timeout: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + timeout
  for (;;) {
    if (await holds()) return true
    if (performance.now() >= end || signal?.aborted) return false
    await sleep(STEP)
  }
}
