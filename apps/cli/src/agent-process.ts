import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { answersAt } from './ask.ts'
import { programFile } from './places.ts'
import { waitUntil } from './wait.ts'

/** In ms: a loaded machine takes a second or two to start. */
const STARTING = 20_000
/** In ms: an agent that has not ended by then is stuck. */
const STOPPING = 10_000

export interface AgentSettings {
  readonly state: string
  readonly socket: string
  readonly tun?: string
  readonly port?: number
  /** Absent: the machine's resolver is told of the mesh's. */
  readonly dns?: boolean
}

export function agentArguments({ state, socket, tun, port, dns }: AgentSettings): readonly string[] {
  return [
    programFile(),
    'agent',
    ...['--state', state, '--socket', socket],
    ...(tun === undefined ? [] : ['--tun', tun]),
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(dns === false ? ['--no-dns'] : []),
  ]
}

/** False where the child has ended, does not answer in time, or nobody waits any more. */
export async function untilItAnswers(child: ChildProcess, socket: string, signal: AbortSignal): Promise<boolean> {
  let answers = false
  await waitUntil(
    async () => {
      answers = await answersAt(socket)
      return answers || hasEnded(child)
    },
    STARTING,
    signal,
  )
  return answers && !hasEnded(child)
}

/** Asks it to end, and makes it where it does not. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.ref()
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), STOPPING)
  await ended
  clearTimeout(force)
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
