import { type AgentOptions, answersAt, askAgent } from '../ask.ts'
import { socketToAsk } from '../places.ts'
import { printJson, say } from '../terminal.ts'
import { waitUntil } from '../wait.ts'

/** How long an agent may take to end, in ms, before `down` reports without having seen it end. */
const ENDING = 5_000

export async function down(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const answer = (await askAgent(options, 'down', {})) as { readonly ends?: boolean }
  // An `up` right behind must find either the agent or none, not one that is about to end.
  const path = socketToAsk(options.socket)
  if (answer.ends) await waitUntil(async () => !(await answersAt(path)), ENDING)
  if (options.json) printJson({ state: 'down' })
  else say('weft is down; sudo weft up brings it back')
}
