import type { Netcheck, RelayState } from '../agent-answers.ts'
import { type AgentOptions, askAgent } from '../ask.ts'
import { oneLine } from '../failure.ts'
import { formatRoundTrip } from '../format.ts'
import { printJson, say } from '../terminal.ts'

type Mapping = Netcheck['v4']

export async function netcheck(options: AgentOptions & { readonly json?: boolean }): Promise<void> {
  const answer = (await askAgent(options, 'netcheck', {})) as Netcheck
  if (options.json) return printJson(answer)
  say(...netcheckLines(answer))
}

export function netcheckLines(answer: Netcheck): readonly string[] {
  const { v4, v6, seen, relay } = answer
  return [
    `IPv4   ${familyText(v4, answer.addresses.some(isV4))}`,
    `IPv6   ${familyText(
      v6,
      answer.addresses.some((endpoint) => !isV4(endpoint)),
    )}`,
    ...(seen.length === 0 ? [] : [`seen   from outside as ${seen.map(oneLine).join(', ')}`]),
    ...relay.relays.map((each) => `relay  ${relayText(each)}${each.id === relay.home ? '  home' : ''}`),
    ...(relay.relays.length === 0 ? ['relay  none is known'] : []),
    ...collisionLines(answer.collisions),
    ...httpLines(answer),
    '',
    meaning(answer),
  ]
}

/** What is between this device and the coordinator, where something is. */
function httpLines({ portal, portalPage, onlyHttp }: Netcheck): readonly string[] {
  if (portal) {
    const at = portalPage ? `, with a browser at ${oneLine(portalPage)}` : ''
    return [`portal somebody else answers in the coordinator’s place: sign in to this network first${at}`]
  }
  if (!onlyHttp) return []
  return [
    'http   the coordinator answers HTTP, but no connection to it lasts: a proxy of this network is in the way; ask for WebSockets to be let through, or name another proxy in HTTPS_PROXY',
  ]
}

/** Also for `weft status`. */
export function collisionLines(collisions: readonly string[] = []): readonly string[] {
  const shown = collisions.map(oneLine).join(', ')
  return collisions.length === 0
    ? []
    : [
        `range  this network gave ${shown}, which is in the mesh’s range: devices with addresses of this network are not reached; use another network, or a mesh with another weft serve --range`,
      ]
}

function familyText(mapping: Mapping, hasAddress: boolean): string {
  if (!hasAddress) return 'this device has no address'
  switch (mapping) {
    case 'none':
      return 'no NAT'
    case 'easy':
      return 'a NAT that gives this device one outside port (easy)'
    case 'hard':
      return 'a NAT that gives each connection another port (hard)'
    case 'blocked':
      return 'UDP does not come back'
    default:
      return 'unknown: no STUN server answers here by it'
  }
}

function relayText({ id, state, rttMs, reason }: RelayState['relays'][number]): string {
  const rtt = rttMs === undefined ? '' : `  ${formatRoundTrip(rttMs)}`
  return `${id.slice(0, 8)}  ${state}${rtt}${reason === undefined ? '' : `  (${oneLine(reason)})`}`
}

/** What it comes to, and what would improve it. */
function meaning({ v4, v6, relay }: Netcheck): string {
  const best = [v4, v6]
  if (best.includes('none')) return 'Direct paths to almost everybody.'
  if (best.includes('easy')) return 'Direct paths to all but devices behind hard NATs; those are reached by relay.'
  if (best.includes('hard'))
    return 'Direct paths to devices without NAT or behind the easiest; others are reached by relay. IPv6 would help, or a router without “symmetric NAT”.'
  const byRelay = relay.state === 'connected' ? 'All goes by relay' : 'Nothing gets through but on the same network'
  if (best.includes('blocked'))
    return `${byRelay}: this network lets no UDP out. Ask for UDP to be let out, to port 3478 and any other.`
  return `${byRelay}, as far as can be told: no STUN server answers (weft serve runs one, UDP port 3478).`
}

const isV4 = (endpoint: string): boolean => !endpoint.startsWith('[')
