import type { RemovedDevice } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { nameText } from '../name-text.ts'
import { print, printJson } from '../terminal.ts'
import { wrapTo } from '../text-width.ts'

export async function remove(
  peer: string,
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const removed = (await askCoordinator(options, 'remove', { device: peer })) as RemovedDevice
  if (options.json) return printJson(removed)
  const { columns = Number.POSITIVE_INFINITY } = process.stdout
  for (const line of removedLines(removed).flatMap((each) => wrapTo(each, columns))) print(line)
}

/** A coordinator of before does not say whether it was revoked. */
export function removedLines({ name, revoked }: RemovedDevice): readonly string[] {
  const shown = nameText(name)
  if (revoked !== false) return [`${shown} is removed; it comes back with a new link only: weft link create`]
  return [
    `${shown} is removed`,
    `but not revoked, for the root key was moved: devices that do not hear this coordinator still talk to it; on the device that holds the root key, before weft restarts there: sudo weft remove ${name}`,
  ]
}
