const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A clean-up that takes longer than this, in ms, will not end by itself. */
const PATIENCE = 20_000

/**
 * The first of Ctrl-C, SIGTERM and SIGHUP. The handlers stay: a terminal's Ctrl-C can arrive twice within a millisecond,
 * and the second must not abort the clean-up that the first began.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      process.on(signal, () => {
        resolve(signal)
        setTimeout(() => process.exit(1), PATIENCE).unref()
      })
    }
  })
}
