import { type AgentOptions, askCoordinator } from '../ask.ts'
import { nameText } from '../name-text.ts'
import { print, printJson } from '../terminal.ts'

export async function remove(
  peer: string,
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const removed = (await askCoordinator(options, 'remove', { device: peer })) as { id: string; name: string }
  if (options.json) return printJson(removed)
  print(`${nameText(removed.name)} is removed; it comes back with a new link only: weft link create`)
}
