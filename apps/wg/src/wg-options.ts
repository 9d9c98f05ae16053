import { WgError } from './wg-error.ts'

/** How verbose: everything, errors only, or nothing. */
export type LogLevel = 'verbose' | 'error' | 'silent'

export interface WgOptions {
  /** Of the interface. */
  readonly name: string
  readonly isForeground: boolean
  readonly logLevel: LogLevel
  /** Whether the environment asked for a log at all. */
  readonly hasLogLevel: boolean
  /** Of a TUN that was made already. */
  readonly tunFd: number | undefined
  /** Of a configuration socket that listens already. */
  readonly uapiFd: number | undefined
  /** Where the process that waits in the foreground hears that the interface answers. */
  readonly readyFd: number | undefined
}

export const READY_FD = 'WEFT_WG_READY_FD'
const HIGHEST_FD = 1_048_576

/** @throws {WgError} `usage` */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv): WgOptions | 'help' {
  const names: string[] = []
  let isForeground = env.WG_PROCESS_FOREGROUND === '1'
  for (const arg of args) {
    if (arg === '--help' || arg === '-h') return 'help'
    if (arg === '--foreground' || arg === '-f') isForeground = true
    else if (arg.startsWith('-')) throw usage(`there is no option ${arg}`)
    else names.push(arg)
  }
  const [name, ...more] = names
  if (name === undefined) throw usage('the name of the interface is missing')
  if (more.length > 0) throw usage('one interface at a time')
  if (!/^[^\s/:%]{1,15}$/.test(name) || name === '.' || name === '..')
    throw usage(`"${name}" is no interface name: give 1 to 15 characters without space, /, : or %`)
  return {
    name,
    isForeground,
    logLevel: logLevelOf(env.LOG_LEVEL),
    hasLogLevel: (env.LOG_LEVEL ?? '') !== '',
    tunFd: descriptor(env, 'WG_TUN_FD'),
    uapiFd: descriptor(env, 'WG_UAPI_FD'),
    readyFd: descriptor(env, READY_FD),
  }
}

function logLevelOf(text: string | undefined): LogLevel {
  if (text === 'verbose' || text === 'debug') return 'verbose'
  return text === 'silent' ? 'silent' : 'error'
}

function descriptor(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  if (!/^\d{1,7}$/.test(text) || Number(text) > HIGHEST_FD) throw usage(`${name} is no file descriptor: "${text}"`)
  return Number(text)
}

function usage(reason: string): WgError {
  return new WgError('usage', `${reason}; see weft wg --help`)
}
