import {
  familyOf,
  type IpAddress,
  ipFromBytes,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixOf,
  prefixParts,
  type Random,
  randomUint32,
  viewOf,
} from '@weft/base'

/** Shared (RFC 6598) and private (RFC 1918) space: no address of the internet is ever taken away from a device. */
const PERMITTED = [
  '100.64.0.0/10',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
] as readonly string[] as readonly Prefix[]
const LONGEST = 29

const CARRIER_START = 0x64400000
const RANGE_LENGTH = 18
/** The /18s in 100.64.0.0/10. */
const RANGES = 2 ** (RANGE_LENGTH - 10)

const DOT = '.'.charCodeAt(0)
const ZERO = '0'.charCodeAt(0)

/** The resolver's place in the range. */
const RESOLVER_HOST = 53

/** One of the 256 /18 of 100.64.0.0/10: few meshes of one person or company collide. */
export function randomRange(random: Random): Prefix {
  const start = CARRIER_START + (randomUint32(random) % RANGES) * 2 ** (32 - RANGE_LENGTH)
  return prefixOf(addressOf(start), RANGE_LENGTH)
}

/** The range for the devices' IPv4 addresses, or why the text is none. */
export function parseRange(text: string): Prefix | { readonly refused: string } {
  const range = parsePrefix(text)
  if (range === undefined || familyOf(range) !== 4) return { refused: 'it is no IPv4 prefix such as 100.96.64.0/18' }
  const { address, length } = prefixParts(range)
  if (length > LONGEST) return { refused: `it has room for too few devices; the longest is /${LONGEST}` }
  if (!PERMITTED.some((whole) => prefixParts(whole).length <= length && prefixContains(whole, address)))
    return { refused: `it is not within ${PERMITTED.join(', ')}` }
  return range
}

/**
 * An address for a new device: one behind those that are used and those that devices had which are gone, as many as
 * joined; and such only when the range ends, for peers take it for the other device still. `undefined` where all are used.
 */
export function freeAddress(range: Prefix, used: readonly IpAddress[], joins: number): IpAddress | undefined {
  const { address, length } = prefixParts(range)
  const start = numberOf(address)
  const broadcast = start + 2 ** (32 - length) - 1
  const numbers = used.map(numberOf)
  const behindJoins = Math.min(start + joins + (joins < RESOLVER_HOST ? 0 : 1), broadcast - 1)
  const highest = numbers.reduce((most, number) => (number < broadcast ? Math.max(most, number) : most), behindJoins)
  const next = highest + 1 === start + RESOLVER_HOST ? highest + 2 : highest + 1
  if (next < broadcast) return addressOf(next)
  const taken = new Set(numbers).add(start + RESOLVER_HOST)
  for (let number = start + 1; number <= highest; number++) if (!taken.has(number)) return addressOf(number)
  return undefined
}

/** Of a valid address: a join looks at those of all devices. */
function numberOf(address: IpAddress): number {
  let number = 0
  let part = 0
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i)
    if (code !== DOT) {
      part = part * 10 + code - ZERO
      continue
    }
    number = number * 256 + part
    part = 0
  }
  return number * 256 + part
}

function addressOf(number: number): IpAddress {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, number)
  return ipFromBytes(bytes)
}
