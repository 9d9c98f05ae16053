import type { CreatedLink } from '../agent-answers.ts'
import { type AgentOptions, askCoordinator } from '../ask.ts'
import { note, print, printJson } from '../terminal.ts'

interface LinkCreateOptions extends AgentOptions {
  readonly reusable?: boolean
  /** In seconds. */
  readonly expires: number
  readonly tag: readonly string[]
  readonly state?: string
  readonly json?: boolean
}

/** Only the link goes to standard output, so that it can be piped into `weft up -`. */
export async function linkCreate(options: LinkCreateOptions): Promise<void> {
  const { reusable = false, expires, tag } = options
  const params = { reusable, expiresSeconds: expires, tags: tag }
  const created = (await askCoordinator(options, 'link-create', params)) as CreatedLink
  if (options.json) {
    const { id, link, reusable, expires } = created
    return printJson({ id, link, expires, reusable })
  }
  print(created.link)
  const whom = created.reusable ? 'any number of devices' : 'one device'
  note(`\nFor ${whom}, until ${created.expires}. On the device: sudo weft up '${created.link.slice(0, 12)}…'`)
  note(`To take it back: weft link revoke ${created.id}`)
}
