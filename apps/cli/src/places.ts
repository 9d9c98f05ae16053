import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the server's state lies as a service: it has a user of its own, and the agent's directory is root's. */
export const SERVER_STATE = '/var/lib/weft-server'

/** Likewise a relay's. */
export const RELAY_STATE = '/var/lib/weft-relay'

const SYSTEM_SOCKET = '/run/weft/agent.sock'

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Where state lies unless `--state` says otherwise. */
export function stateDirectory(given: string | undefined): string {
  if (given !== undefined) return resolve(given)
  return isRoot() ? '/var/lib/weft' : join(fromEnvironment('XDG_STATE_HOME') ?? join(homedir(), '.local/state'), 'weft')
}

/** Whether a device with that state directory belongs to a mesh. */
export function hasMembership(state: string): boolean {
  try {
    return readdirSync(join(state, 'meshes')).length > 0
  } catch {
    return false
  }
}

/** Where an agent listens unless told otherwise. */
export function socketToListenAt(given: string | undefined): string {
  const chosen = given ?? process.env.WEFT_SOCKET
  if (chosen !== undefined) return resolve(chosen)
  return (isRoot() ? undefined : userSocket()) ?? SYSTEM_SOCKET
}

/** Where the agent of this machine answers: a user's own where there is one. */
export function socketToAsk(given: string | undefined): string {
  const chosen = given ?? process.env.WEFT_SOCKET
  if (chosen !== undefined) return resolve(chosen)
  const own = isRoot() ? undefined : userSocket()
  return own !== undefined && existsSync(own) ? own : SYSTEM_SOCKET
}

export function coordinatorSocket(state: string): string {
  return join(state, 'coordinator.sock')
}

export function compileCacheDirectory(): string {
  if (isRoot()) return '/var/cache/weft/compiled'
  return join(fromEnvironment('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'weft/compiled')
}

/** The program's own file, to be run again as another process. */
export function programFile(): string {
  return fileURLToPath(import.meta.resolve('./main.ts'))
}

function userSocket(): string | undefined {
  const directory = fromEnvironment('XDG_RUNTIME_DIR')
  return directory === undefined ? undefined : join(directory, 'weft/agent.sock')
}

/** The XDG specification: what is no absolute path is to be ignored. */
function fromEnvironment(name: string): string | undefined {
  const path = process.env[name]
  return path !== undefined && isAbsolute(path) ? path : undefined
}
