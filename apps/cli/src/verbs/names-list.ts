import type { MeshRecord } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatTable } from '../table.ts'
import { print, printJson } from '../terminal.ts'

interface NamesAnswer {
  readonly domain: string
  readonly records: readonly MeshRecord[]
}

export async function namesList(
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const answer = (await askCoordinator(options, 'name-list', {})) as NamesAnswer
  if (options.json) return printJson(answer)
  for (const line of nameLines(answer)) print(line)
}

export function nameLines({ domain, records }: NamesAnswer): readonly string[] {
  if (records.length === 0)
    return [`No names besides those of the devices; add one: weft names add git.${domain} A ADDRESS`]
  const rows = records.map(({ name, type, value }) => [`${name}.${domain}`, type, oneLine(value)])
  return formatTable(['NAME', 'TYPE', 'VALUE'], rows)
}
