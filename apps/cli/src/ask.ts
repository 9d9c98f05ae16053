import { existsSync, lstatSync } from 'node:fs'
import { CliError, codeOf } from './failure.ts'
import { coordinatorSocket, isRoot, SERVER_STATE, socketToAsk, stateDirectory } from './places.ts'

export interface AgentOptions {
  readonly socket?: string
}

interface CallOptions {
  readonly signal?: AbortSignal
  readonly onLine?: (line: unknown) => void
}

/** One request to this machine's agent. @throws {CliError} `not-running` says how to start it. */
export async function askAgent(
  options: AgentOptions,
  method: string,
  params: unknown,
  call: CallOptions = {},
): Promise<unknown> {
  const path = socketToAsk(options.socket)
  try {
    return await callAt(path, method, params, call)
  } catch (error) {
    throw codeOf(error) === 'not-running' ? noAgent(path, error) : error
  }
}

/** Whether an agent, of whatever state, answers there. */
export async function answersAt(path: string): Promise<boolean> {
  try {
    await callAt(path, 'status', {})
    return true
  } catch (error) {
    return codeOf(error) !== 'not-running'
  }
}

/** The coordinator: through the agent in the name of its account, or directly over the state directory's socket. */
export function askCoordinator(
  options: AgentOptions & { readonly state?: string },
  method: string,
  params: unknown,
): Promise<unknown> {
  if (options.state !== undefined) return askCoordinatorAt(stateDirectory(options.state), method, params)
  return askAgent(options, method, params).catch((error: unknown) => {
    if (codeOf(error) !== 'not-running' || !isUnguided(options)) throw error
    // `weft serve` without a node: there is no agent to go through, and the usual places are as good as named.
    const state = usualServer()
    if (state !== undefined) return askCoordinatorAt(state, method, params)
    throw isServiceOfRoot() ? notRoot(error) : error
  })
}

/** What can hold the mesh's root key: the server, or a device. */
interface RootHolder {
  readonly kind: 'server' | 'device'
  /** As in `no more on …`. */
  readonly name: string
  ask(method: string, params: unknown): Promise<unknown>
  /** Its id. */
  mesh(): Promise<string | undefined>
}

/** Who is meant: the server of `--state`, else this machine's own where it runs, and the agent last. */
export function rootHolders(options: AgentOptions & { readonly state?: string }): readonly RootHolder[] {
  if (options.state !== undefined) return [serverHolder(stateDirectory(options.state))]
  const ask = (method: string, params: unknown) => askAgent(options, method, params)
  const device: RootHolder = {
    kind: 'device',
    name: 'this device',
    ask,
    mesh: async () => ((await ask('status', {})) as { readonly self: { readonly mesh: string } | null }).self?.mesh,
  }
  const server = isUnguided(options) ? usualServer() : undefined
  return server === undefined ? [device] : [serverHolder(server), device]
}

function serverHolder(state: string): RootHolder {
  const ask = (method: string, params: unknown) => askCoordinatorAt(state, method, params)
  return {
    kind: 'server',
    name: 'the server',
    ask,
    mesh: async () => ((await ask('status', {})) as { readonly mesh: string }).mesh,
  }
}

const isUnguided = (options: AgentOptions): boolean =>
  options.socket === undefined && process.env.WEFT_SOCKET === undefined

/** The state directory of a `weft serve` that runs where one usually does. */
const usualServer = (): string | undefined =>
  [stateDirectory(undefined), SERVER_STATE].find((place) => existsSync(coordinatorSocket(place)))

/** The server's directory is there, though not to be looked into. A link where systemd made it: systemd.exec(5), `DynamicUser=`. */
function isServiceOfRoot(): boolean {
  return !isRoot() && lstatSync(SERVER_STATE, { throwIfNoEntry: false }) !== undefined
}

async function askCoordinatorAt(state: string, method: string, params: unknown): Promise<unknown> {
  const path = coordinatorSocket(state)
  try {
    return await callAt(path, method, params)
  } catch (error) {
    if (codeOf(error) !== 'not-running') throw error
    throw new CliError(
      'not-running',
      `no coordinator answers at ${path}; start it with: weft serve --state ${state}`,
      error,
    )
  }
}

export async function callAt(path: string, method: string, params: unknown, call: CallOptions = {}): Promise<unknown> {
  const { callControl } = await import('@weft/control-socket/client')
  return callControl(path, method, params, call)
}

function notRoot(cause: unknown): CliError {
  return new CliError('not-root', 'no agent runs here, and the server runs as a service: try it with sudo', cause)
}

function noAgent(path: string, cause: unknown): CliError {
  return new CliError('not-running', `no agent answers at ${path}; start one with: sudo weft up`, cause)
}
