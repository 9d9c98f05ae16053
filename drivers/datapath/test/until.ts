import { setTimeout } from 'node:timers/promises'

const LIMIT = 10_000
const STEP = 2

/** The first value that is there; rejects when none is within the limit. */
export async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  for (let waited = 0; waited < LIMIT; waited += STEP) {
    const found = look()
    if (found !== undefined) return found
    await setTimeout(STEP)
  }
  throw new Error(`waited in vain for ${what}`)
}
