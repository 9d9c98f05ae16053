import { endpointParts, type IpAddress, isPrivate, parseEndpoint, parseIp, scopeOf } from '@weft/base'
import type { KnockResult, SeenFromOutside } from '@weft/coordinator'

/** What a user should know of where the coordinator can be reached from; nothing where it is from everywhere. */
export function reachabilityNote(reachableAt: readonly string[], port: number): string | undefined {
  const addresses = reachableAt.map(addressOf)
  if (addresses.some((address) => address === undefined || !isLocal(address))) return undefined
  if (addresses.every((address) => address !== undefined && isLoopback(address)))
    return 'Only this machine reaches it: --listen [::]:7480 lets others in.'
  return `Only this network reaches it, unless its router forwards TCP port ${port} to this machine: then say so with --public-url http://ADDRESS:${port}`
}

/** Whether relays elsewhere reach it, and what else they show of it, in one line; `undefined` where there is none. */
export function outsideNote(outside: SeenFromOutside, reachableAt: readonly string[]): string | undefined {
  const { through, seenAt, knocks } = outside
  if (through.length === 0) return outside.relays === 0 ? undefined : 'No relay elsewhere answers: see weft relay list.'
  const own = reachableAt.map(addressOf)
  const translated = seenAt.filter((address) => !own.includes(address))
  const ways = `through ${through.length === 1 ? 'relay' : 'relays'} ${through.join(', ')}`
  const reached = knocks.filter(({ outcome }) => outcome === 'answered')
  const missed = knocks.filter(({ outcome }) => outcome in MISSED)
  if (reached.length > 0) {
    const isUnknown = translated.length > 0 && !own.includes(undefined)
    return `Reached from outside: yes, at ${testedAt(reached)}${isUnknown ? `; --public-url http://${reached[0]?.at} puts that into links` : ''}.`
  }
  if (missed.length > 0)
    return `Reached from outside: no, ${missed.map(missedText).join(', ')}, behind a ${translated.length > 0 ? 'NAT or firewall' : 'firewall'}; devices elsewhere come ${ways}.`
  const nat = translated.length === 0 ? '' : `; a NAT shows it as ${translated.join(', ')}`
  return `Reached from outside: not tested, for ${knocks.map(untestedText).join(', ') || 'no relay answers'}${nat}; devices elsewhere come ${ways}.`
}

/** Why it is not reached: what answers there is not the coordinator. */
const MISSED: Readonly<Partial<Record<KnockResult['outcome'], string>>> = {
  refused: 'nothing listens at',
  silent: 'nothing answers at',
  other: 'something else answers at',
}

const UNTESTED: Readonly<Partial<Record<KnockResult['outcome'], string>>> = {
  'not-outside': 'sees it at a local address',
  'too-often': 'was asked too often',
  'older-relay': 'is of an older version',
  untold: 'has not told yet',
  https: 'cannot ask an https public URL',
}

const testedAt = (results: readonly KnockResult[]): string =>
  results.map(({ at, relay }) => `${at} (tested by relay ${relay.slice(0, 8)})`).join(', ')

const missedText = (result: KnockResult): string => `${MISSED[result.outcome]} ${testedAt([result])}`

const untestedText = ({ relay, outcome }: KnockResult): string => `relay ${relay.slice(0, 8)} ${UNTESTED[outcome]}`

/** Of an endpoint or a URL; `undefined` where the host is a name. */
function addressOf(text: string): IpAddress | undefined {
  const endpoint = parseEndpoint(text)
  if (endpoint !== undefined) return endpointParts(endpoint).address
  const host = URL.parse(text)?.hostname ?? ''
  return parseIp(host.replace(/^\[(.*)\]$/, '$1'))
}

/** Only the same network reaches it. */
function isLocal(address: IpAddress): boolean {
  return isPrivate(address) || scopeOf(address) !== 'other'
}

function isLoopback(address: IpAddress): boolean {
  return scopeOf(address) === 'loopback'
}
