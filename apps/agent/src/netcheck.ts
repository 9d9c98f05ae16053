import type { Endpoint } from '@weft/base'
import { linkEndpointText } from '@weft/coordinator-protocol'
import type { LinkEndpoint } from '@weft/identity'
import type { NodeStatus } from '@weft/node'

/** What `weft netcheck --json` prints. */
export interface NetcheckAnswer extends Omit<NodeStatus['network'], 'settled'> {
  readonly addresses: readonly Endpoint[]
  readonly relay: NodeStatus['relay']
  /** Somebody else answers in the coordinator's place: a captive portal, or a proxy. */
  readonly portal: boolean
}

const PORTAL_MS = 3_000
const MAX_ANSWER = 1_024

/**
 * Asks for the coordinator's health by plain HTTP; what answers otherwise stands in between. No answer at all is none, and the
 * first that is the coordinator's is enough.
 */
export async function lookForPortal(endpoints: readonly LinkEndpoint[], signal: AbortSignal): Promise<boolean> {
  const plain = endpoints.map(linkEndpointText).filter((url) => url.startsWith('http:'))
  const found = new AbortController()
  const limits = AbortSignal.any([signal, found.signal])
  const looks = plain.map(async (url) => {
    const seen = await whoAnswers(`${url.replace(/\/$/, '')}/healthz`, limits)
    if (seen !== 'coordinator') throw new Error(seen)
  })
  const isPortal = await Promise.any(looks).then(
    () => false,
    ({ errors }: AggregateError) => errors.some(({ message }: Error) => message === 'portal'),
  )
  found.abort()
  return isPortal
}

async function whoAnswers(url: string, signal: AbortSignal): Promise<'portal' | 'coordinator' | 'silent'> {
  try {
    const limits = AbortSignal.any([signal, AbortSignal.timeout(PORTAL_MS)])
    const answer = await fetch(url, { redirect: 'manual', signal: limits })
    const text = answer.status === 200 ? (await answer.text()).slice(0, MAX_ANSWER) : ''
    return /"channel":\d+/.test(text) ? 'coordinator' : 'portal'
  } catch {
    return 'silent'
  }
}
