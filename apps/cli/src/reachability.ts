import { endpointParts, type IpAddress, type Prefix, parseEndpoint, parseIp, prefixContains } from '@weft/base'
import type { SeenFromOutside } from '@weft/coordinator'

/** Addresses that only the same network reaches. RFC 1918, 6598, 4193, 3927, 4291. */
const localPrefixes = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
  '::1/128',
] as const satisfies readonly string[]

/** What a user should know of where the coordinator can be reached from; nothing where it is from everywhere. */
export function reachabilityNote(reachableAt: readonly string[], port: number): string | undefined {
  const addresses = reachableAt.map(addressOf)
  if (addresses.some((address) => address === undefined || !isLocal(address))) return undefined
  if (addresses.every((address) => address !== undefined && isLoopback(address)))
    return 'Only this machine reaches it: --listen [::]:7480 lets others in.'
  return `Only this network reaches it, unless its router forwards TCP port ${port} to this machine: then say so with --public-url http://ADDRESS:${port}`
}

/** What relays elsewhere show of it; `undefined` where none is connected. */
export function outsideNote(outside: SeenFromOutside, reachableAt: readonly string[]): string | undefined {
  const { through, seenAt } = outside
  if (through.length === 0) return outside.relays === 0 ? undefined : 'No relay elsewhere answers: see weft relay list.'
  const own = new Set(reachableAt.map(addressOf))
  const translated = seenAt.filter((address) => !own.has(address))
  const ways = `through ${through.length === 1 ? 'relay' : 'relays'} ${through.join(', ')}`
  return translated.length === 0
    ? `Devices elsewhere reach it directly where no firewall is before it, and else ${ways}.`
    : `It is behind a NAT, which shows it as ${translated.join(', ')}: devices elsewhere reach it ${ways}.`
}

/** Of an endpoint or a URL; `undefined` where the host is a name. */
function addressOf(text: string): IpAddress | undefined {
  const endpoint = parseEndpoint(text)
  if (endpoint !== undefined) return endpointParts(endpoint).address
  const host = URL.parse(text)?.hostname ?? ''
  return parseIp(host.replace(/^\[(.*)\]$/, '$1'))
}

function isLocal(address: IpAddress): boolean {
  return localPrefixes.some((prefix) => prefixContains(prefix as string as Prefix, address))
}

function isLoopback(address: IpAddress): boolean {
  return address === '::1' || address.startsWith('127.')
}
