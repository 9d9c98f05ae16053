import { type IpAddress, ipBytes, ipFromBytes, type Prefix, prefixContains, prefixParts, toHex } from '@weft/base'
import { RESOLVER_LABEL } from './resolver-address.ts'
import type { MeshNames } from './zone.ts'

/** What is at a reverse name; `apex`: the zone that it is in. */
export type ReverseFound =
  /** `host`: a name without the domain. */
  | { readonly kind: 'host'; readonly apex: string; readonly host: string }
  /** There are names below it only. */
  | { readonly kind: 'empty'; readonly apex: string }
  | { readonly kind: 'missing'; readonly apex: string }

const SUFFIX4 = '.in-addr.arpa'
const SUFFIX6 = '.ip6.arpa'
const OCTET = /^(?:0|[1-9]\d{0,2})$/
const NIBBLE = /^[0-9a-f]$/

/**
 * The reverse names of a mesh's addresses (RFC 1035 §3.5, RFC 3596 §2.5). The mesh has the zones that hold nothing but its
 * own: one for each /24 of the range (or for each address, where the range is smaller), and that of its /48.
 */
export class ReverseNames {
  readonly #prefix4: Prefix | undefined
  readonly #prefix6: Prefix | undefined
  readonly #hosts = new Map<IpAddress, string>()

  constructor({ prefixes, devices, resolvers }: MeshNames) {
    this.#prefix4 = prefixes.find((each) => !each.includes(':'))
    this.#prefix6 = prefixes.find((each) => each.includes(':'))
    for (const address of resolvers) this.#hosts.set(address, RESOLVER_LABEL)
    for (const { name, addresses } of devices) {
      for (const address of addresses) if (!this.#hosts.has(address)) this.#hosts.set(address, name)
    }
  }

  find(labels: readonly string[]): ReverseFound | undefined {
    const name = labels.join('.')
    if (name.endsWith(SUFFIX4)) return this.#find4(labels.slice(0, -2).reverse())
    return name.endsWith(SUFFIX6) ? this.#find6(labels.slice(0, -2).reverse()) : undefined
  }

  /** @param octets the most significant first. */
  #find4(octets: readonly string[]): ReverseFound | undefined {
    const prefix = this.#prefix4
    const numbers = octets.slice(0, 4).map((text) => (OCTET.test(text) ? Number(text) : 256))
    if (prefix === undefined || numbers.length < 3) return undefined
    const isWhole = numbers.length === 4
    // Below an octet that is none there is nothing, but it is still within the /24 that the first three name.
    const [a = 256, b = 256, c = 256, d = 0] = numbers
    if (a > 255 || b > 255 || c > 255) return undefined
    const { length } = prefixParts(prefix)
    const address = ipFromBytes(Uint8Array.of(a, b, c, d > 255 ? 0 : d))
    if (!prefixContains(prefix, address) || (length > 24 && (!isWhole || d > 255))) return undefined
    const apex = `${octets
      .slice(0, length > 24 ? 4 : 3)
      .reverse()
      .join('.')}${SUFFIX4}`
    if (!isWhole) return { kind: 'empty', apex }
    return this.#at(octets.length === 4 && d <= 255 ? address : undefined, apex)
  }

  /** @param nibbles the most significant first. */
  #find6(nibbles: readonly string[]): ReverseFound | undefined {
    if (this.#prefix6 === undefined) return undefined
    const { address, length } = prefixParts(this.#prefix6)
    const network = toHex(ipBytes(address)).slice(0, length / 4)
    if (nibbles.slice(0, network.length).join('') !== network) return undefined
    const apex = `${[...network].reverse().join('.')}${SUFFIX6}`
    const isNamed = nibbles.every((nibble) => NIBBLE.test(nibble))
    if (!isNamed || nibbles.length > 32) return { kind: 'missing', apex }
    const digits = nibbles.join('')
    if (digits.length === 32) return this.#at(ipFromBytes(Uint8Array.fromHex(digits)), apex)
    const hasBelow = [...this.#hosts.keys()].some(
      (each) => each.includes(':') && toHex(ipBytes(each)).startsWith(digits),
    )
    return { kind: hasBelow ? 'empty' : 'missing', apex }
  }

  #at(address: IpAddress | undefined, apex: string): ReverseFound {
    const host = address === undefined ? undefined : this.#hosts.get(address)
    return host === undefined ? { kind: 'missing', apex } : { kind: 'host', apex, host }
  }
}

/** The domains that cover all reverse names of the prefixes, and as little else as there is to it. */
export function reverseDomains(prefixes: readonly Prefix[]): readonly string[] {
  return prefixes.flatMap((prefix) => {
    const { address, length } = prefixParts(prefix)
    const bytes = ipBytes(address)
    if (bytes.length === 16) return [`${[...toHex(bytes).slice(0, length / 4)].reverse().join('.')}${SUFFIX6}`]
    if (length > 24) return Array.from({ length: 2 ** (32 - length) }, (_, i) => domain4(bytes, 4, i))
    if (length > 16) return Array.from({ length: 2 ** (24 - length) }, (_, i) => domain4(bytes, 3, i))
    if (length > 8) return Array.from({ length: 2 ** (16 - length) }, (_, i) => domain4(bytes, 2, i))
    return [domain4(bytes, 1, 0)]
  })
}

function domain4(bytes: Uint8Array, octets: number, plus: number): string {
  const kept = [...bytes.subarray(0, octets)]
  kept[octets - 1] = (kept[octets - 1] ?? 0) + plus
  return `${kept.reverse().join('.')}${SUFFIX4}`
}
