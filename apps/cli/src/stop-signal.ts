import { once } from 'node:events'
import { CliError, codeOf } from './failure.ts'
import { note, warn } from './terminal.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A clean-up that takes longer than this, in ms, will not end by itself. */
const PATIENCE = 20_000

/** What shells tell of a program that Ctrl-C ended: 128 and the signal's number. */
const INTERRUPTED = 130

/**
 * Aborted by the first of Ctrl-C, SIGTERM and SIGHUP. The handlers stay: a terminal's Ctrl-C can arrive twice within a
 * millisecond, and the second must not abort the clean-up that the first began.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) return
    setTimeout(() => process.exit(1), PATIENCE).unref()
    // Below the ^C that the terminal shows.
    if (name === 'SIGINT') note('')
    const code = name === 'SIGINT' ? 'interrupted' : 'terminated'
    controller.abort(new CliError(code, 'interrupted before it was done'))
  }
  for (const signal of signals) process.on(signal, stop)
  return controller.signal
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

/** For what runs until it is stopped, after its clean-up: SIGTERM asks for an end and gets a good one, Ctrl-C interrupts. */
export function reportEnd(signal: AbortSignal): void {
  if (!signal.aborted || codeOf(signal.reason) !== 'interrupted') return
  warn('stopped by Ctrl-C')
  process.exitCode = INTERRUPTED
}
