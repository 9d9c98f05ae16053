import { type AgentOptions, askAgent, askCoordinator } from '../ask.ts'
import { CliError } from '../failure.ts'
import { nameText } from '../name-text.ts'
import { printJson, say } from '../terminal.ts'

interface RenameOptions extends AgentOptions {
  readonly state?: string
  readonly json?: boolean
}

interface Renamed {
  readonly id: string
  readonly name: string
  readonly before: string
}

/** With one word it is this device's new name. */
export async function rename(first: string, second: string | undefined, options: RenameOptions): Promise<void> {
  const renamed = (await (second === undefined
    ? renameSelf(first, options)
    : askCoordinator(options, 'rename', { device: first, name: second }))) as Renamed
  if (options.json) return printJson(renamed)
  say(
    renamed.name === renamed.before
      ? `It is called ${nameText(renamed.name)} already`
      : `${nameText(renamed.before)} is now ${nameText(renamed.name)}`,
  )
}

/** @throws {CliError} `usage` where there is no device of one's own to rename. */
async function renameSelf(name: string, options: RenameOptions): Promise<unknown> {
  if (options.state !== undefined)
    throw new CliError('usage', 'with --state name the device, too: weft rename PEER NAME --state DIR')
  return await askAgent(options, 'rename', { name })
}
