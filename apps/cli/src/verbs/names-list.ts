import type { MeshRecord } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { nameText } from '../name-text.ts'
import { formatTable } from '../table.ts'
import { print, printJson } from '../terminal.ts'

interface NamesAnswer {
  readonly domain: string
  readonly records: readonly MeshRecord[]
}

export async function namesList(
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const answer = await listNames(options)
  if (options.json) return printJson(answer)
  for (const line of nameLines(answer, process.stdout.columns)) print(line)
}

export async function listNames(options: AgentOptions & { readonly state?: string }): Promise<NamesAnswer> {
  return (await askCoordinator(options, 'name-list', {})) as NamesAnswer
}

/** With the whole name, as it can be typed. */
export const recordText = (record: MeshRecord, domain: string): string => recordCells(record, domain).join('  ')

export function nameLines({ domain, records }: NamesAnswer, width?: number): readonly string[] {
  if (records.length === 0)
    return [`No names besides those of the devices; add one: weft names add git.${domain} A ADDRESS`]
  return formatTable(
    ['NAME', 'TYPE', 'VALUE'],
    records.map((record) => recordCells(record, domain)),
    {
      cut: new Map([
        ['VALUE', 'end'],
        ['NAME', 'middle'],
      ]),
      width,
    },
  )
}

function recordCells({ name, type, value }: MeshRecord, domain: string): readonly string[] {
  return [nameText(`${name}.${domain}`), type, type === 'CNAME' ? nameText(value) : oneLine(value)]
}
