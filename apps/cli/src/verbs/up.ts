import type { SelfStatus } from '../agent-answers.ts'
import { callAt } from '../ask.ts'
import { type AgentPlace, startInBackground } from '../background-agent.ts'
import { CliError, codeOf } from '../failure.ts'
import { nameText } from '../name-text.ts'
import { hasMembership, isRoot, socketToAsk, stateDirectory } from '../places.ts'
import { stopSignal } from '../stop-signal.ts'
import { note, printJson, say } from '../terminal.ts'

interface UpOptions {
  readonly socket?: string
  readonly state?: string
  readonly tun?: string
  readonly port?: number
  readonly dns?: boolean
  readonly json?: boolean
}

export async function up(given: string | undefined, options: UpOptions): Promise<void> {
  const link = given === '-' ? await readLinkFromInput() : given
  const params = link === undefined ? {} : { link }
  const path = socketToAsk(options.socket)
  const signal = stopSignal()
  const { self } = await callAt(path, 'up', params, { signal })
    .catch((error: unknown) => {
      if (codeOf(error) !== 'not-running') throw error
      return upWithOwnAgent(params, options, signal)
    })
    .then((answer) => answer as { readonly self: SelfStatus })
  if (options.json) printJson({ self })
  else say(`This device is ${nameText(self.name)}: ${self.addresses.join(', ')}`)
}

/** An agent that is started for an `up` that fails does not stay behind. */
async function upWithOwnAgent(
  params: { readonly link?: string },
  options: UpOptions,
  signal: AbortSignal,
): Promise<unknown> {
  if (!isRoot())
    throw new CliError(
      'not-root',
      'no agent runs, and only root may start one, for it makes a network interface; run: sudo weft up',
    )
  const place: AgentPlace = { ...options, state: stateDirectory(options.state), socket: socketToAsk(options.socket) }
  if (params.link === undefined && !hasMembership(place.state))
    throw new CliError('not-joined', 'this device belongs to no mesh yet; join with: sudo weft up LINK')
  if (params.link !== undefined) await checkLink(params.link)
  note('starting the agent …')
  const agent = await startInBackground(place, signal)
  try {
    note(params.link === undefined ? 'connecting …' : 'joining …')
    return await callAt(place.socket, 'up', params, { signal })
  } catch (error) {
    await agent.undo()
    throw error
  }
}

/** A mistyped link is refused before anything is started for it. */
async function checkLink(link: string): Promise<void> {
  const [{ readLink }, { nativeCrypto }] = await Promise.all([import('@weft/identity'), import('@weft/crypto')])
  readLink(link, nativeCrypto)
}

/** Far above any link. */
const MAX_INPUT = 16_384

async function readLinkFromInput(): Promise<string> {
  if (process.stdin.isTTY) note('paste the link and press Enter:')
  let text = ''
  for await (const part of process.stdin.setEncoding('utf8')) {
    text += part
    if (text.includes('\n') || text.length > MAX_INPUT) break
  }
  const link = text.split('\n', 1)[0]?.trim() ?? ''
  if (link === '')
    throw new CliError('no-link', 'standard input held no link; pipe one in: weft link create | sudo weft up -')
  return link
}
