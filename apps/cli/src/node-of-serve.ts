import { type ChildProcess, spawn } from 'node:child_process'
import type { AgentStatus, CreatedLink, SelfStatus } from './agent-answers.ts'
import { type AgentSettings, agentArguments, hasEnded, stopChild, untilItAnswers } from './agent-process.ts'
import { answersAt, callAt } from './ask.ts'
import { CliError } from './failure.ts'
import { note, warn } from './terminal.ts'

interface Joining {
  readonly settings: AgentSettings
  readonly mesh: string
  readonly createLink: () => Promise<CreatedLink>
  readonly signal: AbortSignal
}

/** This machine as a node of the mesh that `weft serve` runs: an agent in its own process, so that the coordinator never holds its keys. */
export class NodeOfServe {
  readonly self: SelfStatus
  readonly #child: ChildProcess | undefined
  #stopping = false

  private constructor(self: SelfStatus, child: ChildProcess | undefined) {
    this.self = self
    this.#child = child
    child?.once('exit', (code, signal) => {
      if (!this.#stopping)
        warn(
          `the agent ended (${signal ?? `exit code ${code}`}); the coordinator goes on; start it again with: sudo weft up`,
        )
    })
  }

  /**
   * Starts an agent, or takes the one that answers already, and makes it a member of the mesh.
   * @throws {CliError} where this machine cannot be one; then no agent stays behind that was not there before.
   */
  static async start(options: Joining): Promise<NodeOfServe> {
    const { settings, signal } = options
    const child = (await answersAt(settings.socket)) ? undefined : await startChild(settings, signal)
    try {
      return new NodeOfServe(await join(options), child)
    } catch (error) {
      if (child !== undefined) await stopChild(child)
      throw error
    }
  }

  /** Leaves an agent alone that was there before. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#child !== undefined) await stopChild(this.#child)
    else note('the agent goes on, for it ran before weft serve did; weft down takes the network away')
  }
}

/** In a process group of its own: a terminal's Ctrl-C reaches the parent alone, which ends the agent before the coordinator. */
async function startChild(settings: AgentSettings, signal: AbortSignal): Promise<ChildProcess> {
  const child = spawn(process.execPath, agentArguments(settings), {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (await untilItAnswers(child, settings.socket, signal)) return child
  const why = hasEnded(child) ? 'the agent ended, see its line above' : 'the agent did not answer in time'
  await stopChild(child)
  throw new CliError('agent-failed', why)
}

async function join(options: Joining): Promise<SelfStatus> {
  const { socket } = options.settings
  const status = (await callAt(socket, 'status', {})) as AgentStatus
  const isMember = status.self?.mesh === options.mesh
  if (status.self !== null && !isMember)
    throw new CliError('other-mesh', `this machine belongs to another mesh already, as ${status.self.name}`)
  const params = isMember ? {} : { link: (await options.createLink()).link }
  const answer = (await callAt(socket, 'up', params, { signal: options.signal })) as { readonly self: SelfStatus }
  return answer.self
}
