import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { agentArguments, stopChild, untilItAnswers } from './agent-process.ts'
import { CliError } from './failure.ts'

export interface AgentPlace {
  readonly state: string
  readonly socket: string
  readonly tun?: string
  readonly port?: number
  readonly dns?: boolean
}

/** One file of this size, in bytes, and the one before are kept. */
const MAX_LOG = 8 * 2 ** 20

export interface BackgroundAgent {
  /** Ends it, as if it had not been started: a state directory that was made for it goes too. */
  undo(): Promise<void>
}

/**
 * Starts an agent that outlives this process, with its log in the state directory; `weft down` ends it.
 * @throws {CliError} `agent-failed` with the agent's own last words.
 */
export async function startInBackground(place: AgentPlace, signal: AbortSignal): Promise<BackgroundAgent> {
  const { ensureDirectory } = await import('@weft/state')
  const isNew = !existsSync(place.state)
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
    const undo = async (): Promise<void> => {
      await stopChild(child)
      if (isNew) removeEmptyState(place.state)
    }
    if (!(await untilItAnswers(child, place.socket, signal))) {
      const words = lastWords(path, before)
      await undo()
      signal.throwIfAborted()
      throw new CliError('agent-failed', words)
    }
    child.unref()
    return { undo }
  } finally {
    closeSync(log)
  }
}

function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > MAX_LOG) renameSync(path, `${path}.1`)
  return openSync(path, 'a+', 0o600)
}

/** What any agent leaves. A directory that holds something else, a membership say, is not empty and stays. */
function removeEmptyState(state: string): void {
  for (const name of ['agent.log', 'agent.lock', 'agent.json']) rmSync(join(state, name), { force: true })
  for (const directory of [join(state, 'meshes'), state]) {
    try {
      rmdirSync(directory)
    } catch {
      // It holds something, or was never made.
    }
  }
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
