import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '@weft/base'
import { linkEndpointText } from '@weft/coordinator-protocol'
import type { LinkEndpoint } from '@weft/identity'
import type { NodeStatus } from '@weft/node'
import { AgentError } from './agent-error.ts'

/** What `weft netcheck --json` prints. */
export interface NetcheckAnswer extends Omit<NodeStatus['network'], 'settled'> {
  readonly addresses: readonly Endpoint[]
  readonly relay: NodeStatus['relay']
  /** Somebody else answers in the coordinator's place: a captive portal, or a proxy. */
  readonly portal: boolean
}

/** STUN is given up after 3 s. */
const SETTLED_WITHIN_MS = 5_000
const LOOK_EVERY_MS = 50
const PORTAL_MS = 3_000
const MAX_ANSWER = 1_024

export async function untilSettled(status: () => NodeStatus | undefined, signal: AbortSignal): Promise<NodeStatus> {
  const end = performance.now() + SETTLED_WITHIN_MS
  for (;;) {
    const seen = status()
    if (seen === undefined) throw new AgentError('down', 'weft was taken down')
    if (seen.network.settled || performance.now() >= end) return seen
    await sleep(LOOK_EVERY_MS, undefined, { signal })
  }
}

/** Asks for the coordinator's health by plain HTTP; what answers otherwise stands in between. No answer at all is none. */
export async function lookForPortal(endpoints: readonly LinkEndpoint[], signal: AbortSignal): Promise<boolean> {
  const plain = endpoints.map(linkEndpointText).filter((url) => url.startsWith('http:'))
  const found = await Promise.all(plain.map((url) => isPortal(`${url.replace(/\/$/, '')}/healthz`, signal)))
  return found.length > 0 && found.includes('portal') && !found.includes('coordinator')
}

async function isPortal(url: string, signal: AbortSignal): Promise<'portal' | 'coordinator' | 'silent'> {
  try {
    const limits = AbortSignal.any([signal, AbortSignal.timeout(PORTAL_MS)])
    const answer = await fetch(url, { redirect: 'manual', signal: limits })
    const text = answer.status === 200 ? (await answer.text()).slice(0, MAX_ANSWER) : ''
    return /"channel":\d+/.test(text) ? 'coordinator' : 'portal'
  } catch {
    return 'silent'
  }
}
