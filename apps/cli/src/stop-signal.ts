import { once } from 'node:events'
import { CliError } from './failure.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A clean-up that takes longer than this, in ms, will not end by itself. */
const PATIENCE = 20_000

/**
 * Aborted by the first of Ctrl-C, SIGTERM and SIGHUP. The handlers stay: a terminal's Ctrl-C can arrive twice within a
 * millisecond, and the second must not abort the clean-up that the first began.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) return
    setTimeout(() => process.exit(1), PATIENCE).unref()
    controller.abort(new CliError('interrupted', 'interrupted before it was done'))
  }
  for (const signal of signals) process.on(signal, stop)
  return controller.signal
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}
