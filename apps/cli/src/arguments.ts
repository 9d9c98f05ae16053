import { isIP } from 'node:net'
import { familyOf, parsePrefix } from '@weft/base'
import { InvalidArgumentError } from 'commander'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `[::]:7480`, `192.0.2.1:7480`, `localhost:7480`; port 0 takes a free one. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const bracketed = match?.[1]
  if (match === null || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6))
    throw new InvalidArgumentError('Give a host and a port: [::]:7480, 192.0.2.1:7480.')
  return { host: bracketed ?? match[2] ?? '', port }
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^[1-9]\d{0,4}$/.test(text) || port > 65_535) throw new InvalidArgumentError('Give a port from 1 to 65535.')
  return port
}

/** 0 stands for none. */
export function parseStunPort(text: string): number {
  return text === '0' ? 0 : parsePort(text)
}

/** IFNAMSIZ is 16 with the closing zero; the kernel refuses `/`, spaces and colons, `.` and `..`. */
export function parseInterfaceName(text: string): string {
  if (!/^[^\s/:%]{1,15}$/.test(text) || text === '.' || text === '..')
    throw new InvalidArgumentError('Give a name of at most 15 characters, as weft0.')
  return text
}

export function parseUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
    throw new InvalidArgumentError('Give a plain http or https URL: https://mesh.example.org.')
  return text
}

export function collectUrl(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, parseUrl(text).replace(/\/+$/, '')]
}

export function parseRange(text: string): string {
  const prefix = parsePrefix(text)
  if (prefix === undefined || familyOf(prefix) !== 4)
    throw new InvalidArgumentError('Give an IPv4 prefix without host bits: 100.100.64.0/18.')
  return prefix
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a number from 1 on.')
  return Number(text)
}

/** Seconds, with a fraction; given back in milliseconds. */
export function parseInterval(text: string): number {
  const seconds = Number(text)
  if (!/^\d{1,5}(?:\.\d{1,3})?$/.test(text) || seconds < 0.1 || seconds > 3600)
    throw new InvalidArgumentError('Give seconds from 0.1 to 3600.')
  return Math.round(seconds * 1000)
}

export function collectTag(text: string, before: readonly string[]): readonly string[] {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(text))
    throw new InvalidArgumentError('A tag has lower-case letters, digits and hyphens, 32 at most.')
  return [...before, text]
}

export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'TXT'] as const
export type RecordType = (typeof RECORD_TYPES)[number]

/** In letters of either case. */
export function parseRecordType(text: string): RecordType {
  const type = RECORD_TYPES.find((each) => each === text.toUpperCase())
  if (type === undefined) throw new InvalidArgumentError(`It is one of ${RECORD_TYPES.join(', ')}.`)
  return type
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Seconds of a text like `90m`, `24h` or `7d`. @throws {InvalidArgumentError} where it is none, or above ten years. */
export function parseExpiry(text: string): number {
  const match = /^([1-9]\d{0,8})([smhdw])$/.exec(text)
  const seconds = Number(match?.[1]) * (unitSeconds[match?.[2] ?? ''] ?? Number.NaN)
  if (Number.isNaN(seconds)) throw new InvalidArgumentError('Give a number and a unit: 90m, 24h, 7d.')
  if (seconds > 3650 * 86_400) throw new InvalidArgumentError('Ten years (3650d) is the most.')
  return seconds
}
