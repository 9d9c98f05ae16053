import type { MeshRecord } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { print, printJson } from '../terminal.ts'
import { listNames, recordText } from './names-list.ts'

export async function namesAdd(
  record: { readonly name: string; readonly type: string; readonly value: string },
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const answer = (await askCoordinator(options, 'name-add', record)) as { readonly record: MeshRecord }
  if (options.json) return printJson(answer)
  const { domain } = await listNames(options)
  print(recordText(answer.record, domain))
}
