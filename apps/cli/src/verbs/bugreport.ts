import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { arch, cpus, freemem, hostname, release, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import type { AgentStatus } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { CliError, codeOf, failureLine } from '../failure.ts'
import { formatBytes } from '../format.ts'
import { isRoot, stateDirectory } from '../places.ts'
import { Redaction } from '../redaction.ts'
import { note, print, printJson } from '../terminal.ts'

interface BugreportOptions extends AgentOptions {
  readonly state?: string
  readonly json?: boolean
}

const LOG_LINES = 300
const TOOLS = ['ip', 'nft', 'wg', 'resolvectl', 'resolvconf', 'nmcli', 'systemctl']

/** One text file, so that whoever sends it can read what they send. */
export async function bugreport(file: string | undefined, options: BugreportOptions): Promise<void> {
  const text = await reportOf(options)
  if (file === '-') return print(text)
  const day = new Date().toISOString().slice(0, 10)
  const path = resolve(file ?? `weft-bugreport-${day}.txt`)
  writeNew(path, `${text}\n`)
  if (options.json) return printJson({ file: path })
  print(path)
  note(
    'It holds versions, the system, the status and the end of the agent’s log; names and addresses are replaced, keys and links are not in it. Read it, then attach it to your report.',
  )
}

const WHY_NOT: Readonly<Record<string, string>> = {
  EEXIST: 'it is there already',
  ENOENT: 'there is no such directory',
  EACCES: 'no permission',
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const why = WHY_NOT[codeOf(error) ?? ''] ?? (error as Error).message
    throw new CliError(
      'not-written',
      `cannot write ${path}: ${why}; name another file, or - for standard output`,
      error,
    )
  }
}

async function reportOf(options: BugreportOptions): Promise<string> {
  const state = stateDirectory(options.state)
  const [status, netcheck] = await Promise.all([asked(options, 'status'), asked(options, 'netcheck')])
  const redaction = redactionFor(status)
  const sections: readonly (readonly [string, string])[] = [
    ['weft', `${manifest.version}, Node.js ${process.versions.node}, as ${isRoot() ? 'root' : 'a user'}`],
    ['system', systemText()],
    ['tools', toolsText()],
    ['status', JSON.stringify(status, null, 2)],
    ['netcheck', JSON.stringify(netcheck, null, 2)],
    ['state', stateText(state)],
    ['log', logText(state)],
  ]
  const whole = sections.map(([head, body]) => `== ${head}\n${body}`).join('\n\n')
  return redaction.redact(whole)
}

/** An agent that does not answer is what many reports are about. */
async function asked(options: AgentOptions, method: string): Promise<unknown> {
  try {
    return await askAgent(options, method, {}, { signal: AbortSignal.timeout(10_000) })
  } catch (error) {
    return { error: failureLine(error) }
  }
}

function redactionFor(status: unknown): Redaction {
  const redaction = new Redaction()
  const { self, peers = [], refused = [], moved = [] } = status as Partial<AgentStatus>
  if (self) redaction.addName(self.name, 'self')
  for (const { name } of [...peers, ...refused, ...moved]) redaction.addName(name, 'peer')
  for (const { kind, value } of moved) if (kind === 'name') redaction.addName(value, 'peer')
  // The first account is called owner on every mesh.
  for (const { owner } of [...peers, ...moved]) if (owner !== 'owner') redaction.addName(owner, 'account')
  redaction.addName(hostname(), 'host')
  return redaction
}

function systemText(): string {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release') ?? '')?.[1] ?? 'unknown'
  const memory = `${formatBytes(freemem())} of ${formatBytes(totalmem())} free`
  return `${name}, Linux ${release()}, ${arch()}, ${cpus().length} processors, ${memory}`
}

function toolsText(): string {
  const path = (process.env.PATH ?? '').split(':')
  return TOOLS.map((tool) => `${tool}: ${path.some((each) => isFile(join(each, tool))) ? 'yes' : 'no'}`).join(', ')
}

/** Names, sizes and modes: of no file but the log what it holds. */
function stateText(state: string): string {
  try {
    return readdirSync(state, { recursive: true, encoding: 'utf8' })
      .map((name) => {
        const { size, mode } = statSync(join(state, name))
        return `${(mode & 0o7777).toString(8).padStart(4, '0')} ${String(size).padStart(9)} ${name.replaceAll('/', ' / ')}`
      })
      .join('\n')
  } catch (error) {
    return `not readable: ${(error as NodeJS.ErrnoException).code}`
  }
}

function logText(state: string): string {
  const text = textOf(join(state, 'agent.log'))
  return text === undefined ? 'none that can be read' : text.trimEnd().split('\n').slice(-LOG_LINES).join('\n')
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
