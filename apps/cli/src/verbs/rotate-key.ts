import type { Rotation } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { printJson, say } from '../terminal.ts'

export async function rotateKey(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const rotation = (await askAgent(options, 'rotate-key', {})) as Rotation
  if (options.json) return printJson(rotation)
  say(...rotationLines(rotation))
}

export function rotationLines({ published, reason }: Rotation): readonly string[] {
  if (published) return ['this device has new keys; its peers are told now, and go on with it as it was']
  return [
    'new keys are made, and the old ones still in use: the coordinator is told by itself as soon as that is possible',
    ...(reason === undefined ? [] : [`why not now: ${oneLine(reason)}`]),
  ]
}
