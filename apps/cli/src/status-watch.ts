import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentStatus } from './agent-answers.ts'
import { type AgentOptions, askAgent } from './ask.ts'
import { failureLine } from './failure.ts'
import { stopSignal } from './stop-signal.ts'
import { print } from './terminal.ts'
import { statusLines } from './verbs/status.ts'

const EVERY_MS = 1_000

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/** Shows the status until it is stopped: in place in a terminal, else again wherever it has changed. */
export async function watchStatus(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const signal = stopSignal()
  // What was wrong from the start is said as without --watch; later it may pass.
  let lines = await look(options)
  const isScreen = process.stdout.isTTY && !options.json
  if (isScreen) process.stdout.write(ENTER)
  let before = ''
  try {
    while (!signal.aborted) {
      if (isScreen) process.stdout.write(screenOf(lines, process.stdout.rows))
      else if (lines.join('\n') !== before) for (const line of lines) print(line)
      before = lines.join('\n')
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) lines = await look(options).catch((error: unknown) => [failureOf(error, options)])
    }
  } finally {
    if (isScreen) process.stdout.write(LEAVE)
  }
}

async function look(options: AgentOptions & { readonly json?: boolean }): Promise<readonly string[]> {
  const answer = (await askAgent(options, 'status', {})) as AgentStatus
  if (options.json) return [JSON.stringify(answer)]
  const lines = statusLines(answer, { now: Date.now(), columns: process.stdout.columns })
  return process.stdout.isTTY ? lines : [...lines, '']
}

function failureOf(error: unknown, { json }: { readonly json?: boolean }): string {
  return json ? JSON.stringify({ error: failureLine(error) }) : failureLine(error)
}

/** Drawn over what was there, so that nothing flickers; no more lines than the terminal has. */
export function screenOf(lines: readonly string[], rows: number): string {
  const fits = lines.length < rows
  const shown = fits ? lines : [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more; weft status has all`]
  return `${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`
}
