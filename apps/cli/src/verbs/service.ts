import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { answersAt } from '../ask.ts'
import { CliError, oneLine } from '../failure.ts'
import { programFile, SERVER_STATE } from '../places.ts'
import { createProgram } from '../program.ts'
import { Systemd } from '../service/systemd.ts'
import { type ServicePart, unitName, unitText } from '../service/units.ts'
import { formatTable } from '../table.ts'
import { print, printJson, say } from '../terminal.ts'

interface ServiceOptions {
  readonly root: string
  readonly json?: boolean
}

const AGENT_SOCKET = '/run/weft/agent.sock'
const parts: readonly ServicePart[] = ['agent', 'server', 'relay']
/** Options that the unit itself gives. */
const fixedOptions: Readonly<Record<ServicePart, readonly string[]>> = {
  agent: ['--state', '--socket'],
  server: ['--state', '--no-node', '--socket', '--tun', '--port', '--only', '--mesh'],
  relay: ['--state', '--only'],
}

/** @param given options of `weft agent` or `weft serve`. */
export async function serviceInstall(
  part: ServicePart,
  given: readonly string[],
  { root, json, print: isOnlyPrinted }: ServiceOptions & { readonly print?: boolean },
): Promise<void> {
  checkOptions(part, given)
  const text = unitText(part, [process.execPath, programFile()], given)
  if (isOnlyPrinted) return print(text.trimEnd())
  const systemd = new Systemd(resolve(root))
  systemd.require()
  if (part === 'agent' && systemd.isRunning && systemd.activity(part) !== 'active' && (await answersAt(AGENT_SOCKET)))
    throw new CliError('agent-runs', 'an agent runs already that no service started; end it first with: weft down')
  await systemd.install(part, text)
  if (json) return printJson({ service: part, unit: systemd.unitPath(part), running: systemd.isRunning })
  say(`${unitName(part)} is installed${systemd.isRunning ? ', and runs' : '; it starts when systemd does'}.`)
  if (part === 'relay')
    say('Unless the mesh has it already: sudo weft relay add URL, on the server or a device of its owner')
  else if (part === 'server') say(`Let devices in with: sudo weft link create --state ${SERVER_STATE}`)
  else say('Join with: sudo weft up LINK')
}

export async function serviceRemove(part: ServicePart, { root, json }: ServiceOptions): Promise<void> {
  const systemd = new Systemd(resolve(root))
  systemd.require()
  if (!existsSync(systemd.unitPath(part))) {
    if (systemd.packagedPath(part) !== undefined)
      throw new CliError('packaged', `${unitName(part)} belongs to the package; take it away with: apt remove weft`)
    throw new CliError('not-installed', `${unitName(part)} is not installed; see weft service status`)
  }
  systemd.remove(part)
  if (json) return printJson({ service: part })
  say(`${unitName(part)} is removed; what it stored stays.`)
}

export async function serviceStatus({ root, json }: ServiceOptions): Promise<void> {
  const systemd = new Systemd(resolve(root))
  const services = parts.map((part) => {
    const own = existsSync(systemd.unitPath(part)) ? systemd.unitPath(part) : systemd.packagedPath(part)
    const state = own === undefined ? 'not installed' : systemd.activity(part)
    return { service: part, unit: own ?? null, enabled: own === undefined ? 'no' : systemd.enablement(part), state }
  })
  if (json) return printJson({ services })
  const rows = services.map(({ service, unit, enabled, state }) => [service, state, enabled, unit ?? '-'])
  const options = { cut: new Map([['UNIT', 'middle']] as const), width: process.stdout.columns }
  for (const line of formatTable(['SERVICE', 'STATE', 'ENABLED', 'UNIT'], rows, options)) print(line)
}

/** What the verb itself would refuse at each start is refused now. */
function checkOptions(part: ServicePart, given: readonly string[]): void {
  const taken = given.find((word) => fixedOptions[part].some((name) => word === name || word.startsWith(`${name}=`)))
  if (taken !== undefined)
    throw new CliError(
      'option-fixed',
      `${taken} is fixed in a service; leave it away, or write a unit of your own with --print`,
    )
  const verb = createProgram().commands.find((command) => command.name() === (part === 'agent' ? 'agent' : 'serve'))
  const { operands = [], unknown = [] } = verb?.parseOptions([...given]) ?? {}
  const [odd] = [...unknown, ...operands]
  if (odd !== undefined)
    throw new CliError('option-unknown', `weft ${verb?.name()} has no ${odd}; see weft ${verb?.name()} --help`)
  if (part === 'relay' && !given.some((word, i) => word === '--mesh' && isAbsolute(given[i + 1] ?? '')))
    throw new CliError(
      'mesh-missing',
      'the relay needs --mesh FILE, by an absolute path that everyone may read: write it with weft relay describe',
    )
  const unreadable = given.find((word) => oneLine(word) !== word)
  if (unreadable !== undefined)
    throw new CliError('option-unreadable', 'an option has a control character or outer spaces in it; leave them away')
}
