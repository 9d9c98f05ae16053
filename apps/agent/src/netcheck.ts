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
  /** Where a browser is shown what the portal wants; null where there is none. */
  readonly portalPage: string | null
  /** The coordinator answers a plain HTTP request, and no connection to it or to a relay lasts. */
  readonly onlyHttp: boolean
}

/** Who answers a plain HTTP request to the coordinator. */
export type HttpAnswer =
  | { readonly from: 'coordinator' }
  | { readonly from: 'portal'; readonly page: string }
  | { readonly from: 'nobody' }

const PATIENCE_MS = 3_000
const MAX_ANSWER = 1_024
const MAX_PAGE = 512
const NOBODY: HttpAnswer = { from: 'nobody' }

/**
 * Asks for the coordinator's health at all its places; what answers otherwise stands in between. The first that is the
 * coordinator's is enough.
 */
export async function whoAnswersHttp(endpoints: readonly LinkEndpoint[], signal: AbortSignal): Promise<HttpAnswer> {
  const enough = new AbortController()
  const limits = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(PATIENCE_MS)])
  const others: HttpAnswer[] = []
  const looks = endpoints.map(linkEndpointText).map(async (url) => {
    const answer = await askAt(url, limits)
    if (answer.from === 'coordinator') return answer
    others.push(answer)
    throw new Error(answer.from)
  })
  const found = await Promise.any(looks).catch(() => others.find(({ from }) => from === 'portal') ?? NOBODY)
  enough.abort()
  return found
}

/** A portal cannot answer by TLS without a warning, and so only redirects what is asked without. */
async function askAt(place: string, signal: AbortSignal): Promise<HttpAnswer> {
  const url = new URL('/healthz', place)
  const answer = await askFor(url, signal)
  if (url.protocol === 'http:' || answer.from === 'coordinator') return answer
  const plain = new URL(`http://${url.hostname}/`)
  const other = await askFor(plain, signal)
  return other.from === 'portal' && other.page !== plain.href ? other : NOBODY
}

async function askFor(url: URL, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    const answer = await fetch(url, { redirect: 'manual', signal })
    if (answer.status === 200 && /"channel":\d+/.test(await beginOf(answer))) return { from: 'coordinator' }
    const page = URL.parse(answer.headers.get('location') ?? '', url)
    await answer.body?.cancel()
    if (page?.protocol === 'https:' && page.hostname === url.hostname) return NOBODY
    const isPage = page !== null && /^https?:$/.test(page.protocol) && page.href.length <= MAX_PAGE
    return { from: 'portal', page: answer.headers.has('location') && isPage ? page.href : url.href }
  } catch {
    return NOBODY
  }
}

async function beginOf(answer: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= MAX_ANSWER) break
  }
  return text
}
