import { inspect } from 'node:util'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 100

/**
 * Waits until the condition gives something true, and gives that. A condition that throws has not come true yet.
 * @throws {Error} after `timeout` ms (10 s), with what did not come true and what was seen last.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: { readonly timeout?: number } = {},
): Promise<NonNullable<T>> {
  const timeout = options.timeout ?? 10_000
  const end = performance.now() + timeout
  let pause = FIRST_PAUSE_MS
  for (;;) {
    const seen = await look(condition)
    if (seen.value) return seen.value
    if (performance.now() >= end)
      throw new Error(`did not come true in ${timeout / 1000} s: ${what}; last seen: ${describeLast(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)
  }
}

type Seen<T> = { readonly value: T } | { readonly value?: undefined; readonly error: unknown }

async function look<T>(condition: () => T | Promise<T>): Promise<Seen<T>> {
  try {
    return { value: await condition() }
  } catch (error) {
    return { error }
  }
}

function describeLast(seen: Seen<unknown>): string {
  if (!('error' in seen)) return inspect(seen.value, { depth: 6 })
  return seen.error instanceof Error ? seen.error.message : String(seen.error)
}
