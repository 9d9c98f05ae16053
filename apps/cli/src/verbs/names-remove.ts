import type { MeshRecord } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { print, printJson } from '../terminal.ts'
import { listNames, recordText } from './names-list.ts'

export async function namesRemove(
  choice: { readonly name: string; readonly type: string | undefined; readonly value: string | undefined },
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const answer = (await askCoordinator(options, 'name-remove', choice)) as { readonly records: readonly MeshRecord[] }
  if (options.json) return printJson(answer)
  const { domain } = await listNames(options)
  for (const record of answer.records) print(`removed ${recordText(record, domain)}`)
}
