/** The text of `/etc/resolv.conf`: read, and written as weft wants it. resolv.conf(5) */
import { endpointOf, type IpAddress, parseIp } from '@weft/base'
import type { UpstreamResolver, WantedNameService } from './resolver-setup.ts'

const DNS_PORT = 53
/** glibc's MAXNS. */
const MAX_NAMESERVERS = 3
/** glibc before 2.26 reads no more than six domains. */
const MAX_SEARCHED = 6
const MARK = '# Written by weft: names of the mesh, and all others through it. `weft down` puts back what was here.'

/** Who answered before, the best first; the mesh's own resolvers are left out. */
export function upstreamsIn(text: string, own: readonly IpAddress[]): readonly UpstreamResolver[] {
  const found = new Map<string, UpstreamResolver>()
  for (const value of valuesOf(text, 'nameserver')) {
    const [addressText = '', interfaceName] = (value.split(/\s/, 1)[0] ?? '').split('%', 2)
    const address = parseIp(addressText)
    if (address === undefined || own.includes(address)) continue
    const endpoint = endpointOf(address, DNS_PORT)
    if (!found.has(endpoint)) found.set(endpoint, { endpoint, ...(interfaceName ? { interfaceName } : {}) })
  }
  return [...found.values()]
}

/** The mesh's resolvers alone, for some programs ask all that are named at once; the search list and the options stay. */
export function resolvConfFor({ nameservers, searchDomain }: WantedNameService, before: string): string {
  const search = [searchDomain, ...searchedIn(before)].filter((domain, i, all) => all.indexOf(domain) === i)
  return [
    MARK,
    ...nameservers.slice(0, MAX_NAMESERVERS).map((address) => `nameserver ${address}`),
    `search ${search.slice(0, MAX_SEARCHED).join(' ')}`,
    ...valuesOf(before, 'options').map((options) => `options ${options}`),
    '',
  ].join('\n')
}

/** The domains that a name without a dot is looked for in; the last such line counts. */
export function searchedIn(text: string): readonly string[] {
  const lines = linesOf(text).filter(([word]) => word === 'search' || word === 'domain')
  return lines.at(-1)?.[1].split(/\s+/).filter(Boolean) ?? []
}

/** Whether the first that is asked is one of these. */
export function asksFirst(text: string, own: readonly IpAddress[]): boolean {
  const [first] = valuesOf(text, 'nameserver')
  const address = first === undefined ? undefined : parseIp(first.split(/\s/, 1)[0] ?? '')
  return address !== undefined && own.includes(address)
}

/**
 * What was there, without weft. Where nobody touched `written`, that is `before`; so it is where a crash cut short the writing of
 * either. Where another program wrote since, its text stays: only what it kept of weft's is taken out, for nobody answers there any more.
 */
export function withoutWeft(
  text: string,
  { before, written }: { readonly before: string; readonly written: string },
): string {
  if (written.startsWith(text) || (before.startsWith(text) && !text.endsWith('\n'))) return before
  const own = new Set([MARK, ...written.split('\n').filter((line) => line.startsWith('nameserver '))])
  const lines = text.split('\n')
  const kept = lines.filter((line) => !own.has(line))
  if (kept.length === lines.length) return text
  return valuesOf(kept.join('\n'), 'nameserver').length > 0 ? kept.join('\n') : before
}

function valuesOf(text: string, keyword: string): readonly string[] {
  return linesOf(text).flatMap(([word, value]) => (word === keyword ? [value] : []))
}

function linesOf(text: string): readonly (readonly [word: string, value: string])[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*([a-z]+)\s+(.*\S)/.exec(line)
    return match === null ? [] : [[match[1] ?? '', match[2] ?? ''] as const]
  })
}
