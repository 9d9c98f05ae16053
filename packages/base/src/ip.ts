import ipaddr from 'ipaddr.js'
import type { Brand } from './brand.ts'
import { concatBytes } from './bytes.ts'

/** Canonical text of one IPv4 or IPv6 address, without zone: `192.0.2.1`, `2001:db8::1`. Equal addresses are equal texts. */
export type IpAddress = Brand<string, 'IpAddress'>
/** Canonical text of a prefix without host bits: `10.0.0.0/8`. */
export type Prefix = Brand<string, 'Prefix'>
/** Canonical text of an address and a UDP or TCP port from 1 to 65535: `192.0.2.1:7481`, `[2001:db8::1]:7481`. */
export type Endpoint = Brand<string, 'Endpoint'>

export type Family = 4 | 6

/** The address, or `undefined` where the text is none. IPv4 in IPv6 (`::ffff:192.0.2.1`) becomes IPv4. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.includes('%')) return undefined
  if (!text.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(text) ? canonical(ipaddr.parse(text)) : undefined
  return ipaddr.IPv6.isValid(text) ? canonical(ipaddr.process(text)) : undefined
}

export function ipFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return bytes.join('.') as IpAddress
  return canonical(ipaddr.fromByteArray([...bytes]))
}

/** 4 or 16 bytes. The text is canonical: no other form is read. */
export function ipBytes(address: IpAddress): Uint8Array {
  if (familyOf(address) === 4) return Uint8Array.from(address.split('.').map(Number))
  const bytes = new Uint8Array(16)
  const [front = '', back = ''] = address.split('::')
  putGroups(bytes, groupsOf(front), 0)
  const last = groupsOf(back)
  putGroups(bytes, last, 16 - 2 * last.length)
  return bytes
}

const groupsOf = (text: string): readonly string[] => (text === '' ? [] : text.split(':'))

function putGroups(bytes: Uint8Array, groups: readonly string[], at: number): void {
  for (const [i, group] of groups.entries()) {
    const value = Number.parseInt(group, 16)
    bytes[at + 2 * i] = value >> 8
    bytes[at + 2 * i + 1] = value & 0xff
  }
}

export function familyOf(address: IpAddress | Prefix): Family {
  return address.includes(':') ? 6 : 4
}

export type IpScope = 'loopback' | 'linkLocal' | 'multicast' | 'unspecified' | 'broadcast' | 'other'

export function scopeOf(address: IpAddress): IpScope {
  const range = ipaddr.parse(address).range()
  switch (range) {
    case 'loopback':
    case 'linkLocal':
    case 'multicast':
    case 'unspecified':
    case 'broadcast':
      return range
    default:
      return 'other'
  }
}

/** RFC 1918, RFC 6598, RFC 4193. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] as string[] as Prefix[]

/** Whether it means another machine in each network. */
export const isPrivate = (address: IpAddress): boolean => PRIVATE.some((prefix) => prefixContains(prefix, address))

/** The prefix, or `undefined` where the text is none or has host bits set. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.lastIndexOf('/')
  const address = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const bits = familyOf(address) === 4 ? 32 : 128
  const lengthText = slash < 0 ? String(bits) : text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) return undefined
  const whole = prefixOf(address, Number(lengthText))
  return prefixParts(whole).address === address ? whole : undefined
}

/** The prefix of that length around the address; host bits are cleared. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  const bytes = ipBytes(address)
  if (!Number.isInteger(length) || length < 0 || length > bytes.length * 8)
    throw new RangeError(`prefix length ${length}`)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (bytes[i] ?? 0) & keptBits(length, i)
  }
  // ipFromBytes would shorten an IPv4-mapped IPv6 prefix to IPv4; no such prefix is ever routed.
  return `${ipFromBytes(bytes)}/${length}` as Prefix
}

/** Of the byte at that place, those within a prefix of the length. */
const keptBits = (length: number, place: number): number =>
  0xff & (0xff00 >> Math.min(8, Math.max(0, length - place * 8)))

export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}` as Prefix
}

export function prefixParts(prefix: Prefix): { readonly address: IpAddress; readonly length: number } {
  const slash = prefix.lastIndexOf('/')
  return { address: prefix.slice(0, slash) as IpAddress, length: Number(prefix.slice(slash + 1)) }
}

export function prefixContains(prefix: Prefix, address: IpAddress): boolean {
  if (familyOf(prefix) !== familyOf(address)) return false
  const { address: start, length } = prefixParts(prefix)
  const [a, b] = [ipBytes(start), ipBytes(address)]
  return a.every((byte, i) => ((byte ^ (b[i] ?? 0)) & keptBits(length, i)) === 0)
}

export function endpointOf(address: IpAddress, port: number): Endpoint {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new RangeError(`port ${port}`)
  return (familyOf(address) === 4 ? `${address}:${port}` : `[${address}]:${port}`) as Endpoint
}

/** The endpoint, or `undefined` where the text is none. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([1-9]\d{0,4})$/.exec(text)
  if (match === null) return undefined
  const address = parseIp(match[1] ?? match[2] ?? '')
  const port = Number(match[3])
  if (address === undefined || port > 65535) return undefined
  if ((match[1] === undefined) !== (familyOf(address) === 4)) return undefined
  return endpointOf(address, port)
}

export function endpointParts(endpoint: Endpoint): { readonly address: IpAddress; readonly port: number } {
  const colon = endpoint.lastIndexOf(':')
  const host = endpoint.slice(0, colon)
  return {
    address: (host.startsWith('[') ? host.slice(1, -1) : host) as IpAddress,
    port: Number(endpoint.slice(colon + 1)),
  }
}

/** The address and, big-endian, the port: 6 or 18 bytes. */
export function endpointBytes(endpoint: Endpoint): Uint8Array {
  const { address, port } = endpointParts(endpoint)
  return concatBytes(ipBytes(address), Uint8Array.of(port >>> 8, port & 0xff))
}

function canonical(address: ipaddr.IPv4 | ipaddr.IPv6): IpAddress {
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress())
    return address.toIPv4Address().toString() as IpAddress
  return (address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()) as IpAddress
}
