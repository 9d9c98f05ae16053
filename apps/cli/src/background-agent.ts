import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { agentArguments, stopChild, untilItAnswers } from './agent-process.ts'
import { CliError } from './failure.ts'

export interface AgentPlace {
  readonly state: string
  readonly socket: string
  readonly tun?: string
  readonly port?: number
}

/** One file of this size, in bytes, and the one before are kept. */
const MAX_LOG = 8 * 2 ** 20

/**
 * Starts an agent that outlives this process, with its log in the state directory; `weft down` ends it.
 * @throws {CliError} `agent-failed` with the agent's own last words.
 */
export async function startInBackground(place: AgentPlace, signal: AbortSignal): Promise<{ stop(): Promise<void> }> {
  const { ensureDirectory } = await import('@weft/state')
  ensureDirectory(place.state, 0o700)
  const path = join(place.state, 'agent.log')
  const log = openLog(path)
  try {
    const before = fstatSync(log).size
    const child = spawn(process.execPath, [...agentArguments(place), '--ends-on-down'], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
    })
    if (!(await untilItAnswers(child, place.socket, signal))) {
      await stopChild(child)
      signal.throwIfAborted()
      throw new CliError('agent-failed', lastWords(path, before))
    }
    leaveAlone(child)
    return { stop: () => stopChild(child) }
  } finally {
    closeSync(log)
  }
}

function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > MAX_LOG) renameSync(path, `${path}.1`)
  return openSync(path, 'a+', 0o600)
}

function leaveAlone(child: ChildProcess): void {
  child.unref()
}

/** The agent's last line since then: errors are one line, and the last. */
function lastWords(path: string, from: number): string {
  const log = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(log).size - from, 65_536))
    readSync(log, bytes, 0, bytes.length, from)
    const words = bytes
      .toString()
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^weft: /, '')
    return words || `the agent did not start within its time; its log is ${path}`
  } finally {
    closeSync(log)
  }
}
