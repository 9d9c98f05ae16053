import type { Trusted } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { nameText } from '../name-text.ts'
import { holderText } from '../refusal-text.ts'
import { printJson, say } from '../terminal.ts'

export async function trust(peer: string, options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const trusted = (await askAgent(options, 'trust', { peer })) as Trusted
  if (options.json) return printJson(trusted)
  say(...trustedLines(trusted, Date.now()))
}

export function trustedLines({ id, name, owner, moved }: Trusted, now: number): readonly string[] {
  const device = `${id}, a device of ${oneLine(owner)}`
  if (moved.length === 0) return [`${nameText(name)} has its name and address: nothing was moved to ${device}`]
  return moved.map(
    ({ kind, value, before }) => `${kind} ${nameText(value)} was ${holderText(before, now)}, and is now ${device}`,
  )
}
