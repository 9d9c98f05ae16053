import { type AgentOptions, askCoordinator } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { printJson, say } from '../terminal.ts'

export async function linkRevoke(
  id: string,
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  await askCoordinator(options, 'link-revoke', { id })
  if (options.json) printJson({ id })
  else say(`${oneLine(id)} lets nobody in any more; devices that joined with it stay`)
}
