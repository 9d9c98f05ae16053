import type { Command } from 'commander'
import type { AgentStatus, ListedLink } from '../agent-answers.ts'
import { askAgent } from '../ask.ts'
import { type Candidate, complete } from '../complete.ts'
import { oneLine } from '../failure.ts'
import { print } from '../terminal.ts'

/** Says nothing where it knows nothing: somebody is typing. */
export async function completeWords(program: Command, words: readonly string[]): Promise<void> {
  const found = await complete(program, words, knownOfAgent)
  if (found.kind === 'words') for (const { word, description } of found.candidates) print(`${word}\t${description}`)
  else print(`:${found.kind}`)
}

async function knownOfAgent(name: string, command: string): Promise<readonly Candidate[]> {
  try {
    if (command === 'trust') return await claimants()
    if (name === 'peer' || name === 'device') return await peers()
    if (name === 'id' && command === 'revoke') return await links()
  } catch {
    // No agent answers.
  }
  return []
}

async function peers(): Promise<readonly Candidate[]> {
  const { peers } = (await askAgent({}, 'status', {})) as AgentStatus
  return peers.map(({ name, addresses }) => ({ word: oneLine(name), description: addresses[0] ?? '' }))
}

async function claimants(): Promise<readonly Candidate[]> {
  const { moved = [] } = (await askAgent({}, 'status', {})) as AgentStatus
  const claimed = new Map(moved.map((each) => [each.name, each]))
  return [...claimed.values()].map(({ name, id }) => ({ word: oneLine(name), description: id }))
}

async function links(): Promise<readonly Candidate[]> {
  const { links } = (await askAgent({}, 'link-list', {})) as { readonly links: readonly ListedLink[] }
  return links.filter(({ state }) => state === 'open').map(({ id, expires }) => ({ word: id, description: expires }))
}
