import type { ListedLink } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatAge } from '../format.ts'
import { formatTable } from '../table.ts'
import { print, printJson } from '../terminal.ts'

export async function linkList(
  options: AgentOptions & { readonly state?: string; readonly json?: boolean },
): Promise<void> {
  const answer = (await askCoordinator(options, 'link-list', {})) as { readonly links: readonly ListedLink[] }
  if (options.json) return printJson(answer)
  const view = { now: Date.now(), columns: process.stdout.columns }
  for (const line of linkLines(answer.links, view)) print(line)
}

/** `now`: milliseconds since 1970. */
export function linkLines(
  links: readonly ListedLink[],
  { now, columns: width }: { readonly now: number; readonly columns?: number | undefined },
): readonly string[] {
  if (links.length === 0) return ['No links; weft link create makes one']
  const rows = links.map((link) => [
    link.id,
    link.state,
    link.reusable ? 'many devices' : 'one device',
    String(link.uses),
    formatAge(Date.parse(link.expires), now),
    oneLine(link.tags.join(', ')),
  ])
  return formatTable(['ID', 'STATE', 'FOR', 'USED', 'EXPIRES', 'TAGS'], rows, {
    right: new Set(['USED']),
    cut: new Map([['TAGS', 'end']]),
    width,
  })
}
