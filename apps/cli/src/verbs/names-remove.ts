import type { MeshRecord } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { print, printJson } from '../terminal.ts'

export async function namesRemove(
  choice: { readonly name: string; readonly type: string | undefined; readonly value: string | undefined },
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const answer = (await askCoordinator(options, 'name-remove', choice)) as { readonly records: readonly MeshRecord[] }
  if (options.json) return printJson(answer)
  for (const { name, type, value } of answer.records) print(`removed ${name}  ${type}  ${value}`)
}
