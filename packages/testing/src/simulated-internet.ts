import {
  between,
  type Endpoint,
  endpointOf,
  endpointParts,
  type Family,
  familyOf,
  type Instant,
  type IpAddress,
  type Random,
  randomUint32,
} from '@weft/base'
import type { NatKind } from './nat-kinds.ts'

export interface SimulatedSite {
  readonly kind: NatKind
  /** Of the router, on the outside. */
  readonly outside: IpAddress
  readonly hairpin: boolean
  readonly blocksUdp: boolean
  /** Behind that one's router: a home behind a carrier, each of which translates. */
  readonly behind?: SimulatedSite
  /** What is sent by that family goes out and nowhere. */
  readonly blackHole?: Family | undefined
}

export interface Carried {
  /** `undefined`: a machine on the internet itself. */
  readonly host: string | undefined
  readonly from: Endpoint
  readonly to: Endpoint
}

/** A mapping that nothing was sent by for so long is forgotten, in ms. RFC 4787 §4.3 wants more; many give less. */
const MAPPING_LIFE = 30_000

/** Who stands where, and what becomes of a datagram's addresses on its way; told the time. */
export class SimulatedInternet {
  readonly #random: Random
  readonly #routers = new Map<SimulatedSite, Router>()
  readonly #hosts = new Map<string, { site: SimulatedSite | undefined; addresses: readonly IpAddress[] }>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Also for a host that has moved, or has other addresses now. */
  place(host: string, site: SimulatedSite | undefined, addresses: readonly IpAddress[]): void {
    for (let each = site; each !== undefined; each = each.behind)
      if (!this.#routers.has(each)) this.#routers.set(each, new Router(each, this.#random))
    this.#hosts.set(host, { site, addresses })
  }

  /** Where what the host sends arrives, and as whose; `undefined` where it is lost. */
  carry(host: string, from: Endpoint, to: Endpoint, now: Instant): Carried | undefined {
    const sender = this.#hosts.get(host)
    if (sender === undefined) return undefined
    const neighbour = this.#hostAt(to, sender.site)
    if (sender.site !== undefined && neighbour !== undefined) return { host: neighbour, from, to }
    let seen: Endpoint | undefined = from
    let outermost: Router | undefined
    for (let { site } = sender; site !== undefined && seen !== undefined; site = site.behind) {
      outermost = this.#routers.get(site)
      seen = outermost?.out(seen, to, now)
    }
    return seen === undefined ? undefined : this.#arrive(seen, to, outermost, now)
  }

  /** From a machine on the internet itself. */
  answer(from: Endpoint, to: Endpoint, now: Instant): Carried | undefined {
    return this.#arrive(from, to, undefined, now)
  }

  #arrive(from: Endpoint, to: Endpoint, through: Router | undefined, now: Instant): Carried | undefined {
    for (const router of this.#routers.values()) {
      if (router.site.behind !== undefined) continue
      const inside = router.into(from, to, now)
      if (inside === undefined) continue
      if (router === through && !router.site.hairpin) return undefined
      return inside === 'filtered' ? undefined : this.#within(router.site, from, inside, now)
    }
    if (isPrivate(endpointParts(to).address)) return undefined
    return { host: this.#hostAt(to, undefined), from, to }
  }

  /** To a machine of the site, or through a router that stands there. */
  #within(site: SimulatedSite, from: Endpoint, to: Endpoint, now: Instant): Carried | undefined {
    const host = this.#hostAt(to, site)
    if (host !== undefined) return { host, from, to }
    for (const router of this.#routers.values()) {
      const inside = router.site.behind === site ? router.into(from, to, now) : undefined
      if (inside !== undefined && inside !== 'filtered') return this.#within(router.site, from, inside, now)
    }
    return undefined
  }

  #hostAt(endpoint: Endpoint, site: SimulatedSite | undefined): string | undefined {
    const { address } = endpointParts(endpoint)
    for (const [host, place] of this.#hosts) if (place.site === site && place.addresses.includes(address)) return host
    return undefined
  }
}

interface Mapping {
  readonly inside: Endpoint
  readonly port: number
  /** Those that something was sent to. */
  readonly sentTo: Map<Endpoint, Instant>
  usedAt: Instant
}

class Router {
  readonly site: SimulatedSite
  readonly #random: Random
  readonly #mappings = new Map<string, Mapping>()
  readonly #flows = new Map<string, Instant>()
  #nextPort = 40_000

  constructor(site: SimulatedSite, random: Random) {
    this.site = site
    this.#random = random
  }

  /** As who the outside sees the sender. */
  out(from: Endpoint, to: Endpoint, now: Instant): Endpoint | undefined {
    if (this.site.blocksUdp || familyOf(endpointParts(to).address) === this.site.blackHole) return undefined
    if (this.#isRouted(from)) {
      this.#flows.set(`${from} ${to}`, now)
      return from
    }
    if (isPrivate(endpointParts(to).address)) return undefined
    const mapping = this.#mappingFor(from, to, now)
    mapping.usedAt = now
    mapping.sentTo.set(to, now)
    return endpointOf(this.site.outside, mapping.port)
  }

  /** Whom it is for; `undefined` where it is for nobody here. */
  into(from: Endpoint, to: Endpoint, now: Instant): Endpoint | 'filtered' | undefined {
    const { address, port } = endpointParts(to)
    if (this.#isRouted(to)) return this.#letsIn(from, to, now) ? to : 'filtered'
    if (address !== this.site.outside) return undefined
    if (this.site.blocksUdp) return 'filtered'
    const mapping = [...this.#mappings.values()].find((each) => each.port === port && isFresh(each.usedAt, now))
    return mapping !== undefined && this.#accepts(mapping, from, now) ? mapping.inside : 'filtered'
  }

  /** IPv6 always, IPv4 where nothing is translated: who has such an address behind this router, its prefix tells. */
  #isRouted(endpoint: Endpoint): boolean {
    const { address } = endpointParts(endpoint)
    return address.startsWith(routedPrefix(this.site, familyOf(address)))
  }

  #letsIn(from: Endpoint, to: Endpoint, now: Instant): boolean {
    if (this.site.blocksUdp) return false
    if (this.site.kind.filtering === 'none') return true
    return isFresh(this.#flows.get(`${to} ${from}`), now)
  }

  #accepts(mapping: Mapping, from: Endpoint, now: Instant): boolean {
    switch (this.site.kind.filtering) {
      case 'address':
        return [...mapping.sentTo].some(
          ([to, at]) => endpointParts(to).address === endpointParts(from).address && isFresh(at, now),
        )
      case 'address-and-port':
        return isFresh(mapping.sentTo.get(from), now)
      default:
        return true
    }
  }

  #mappingFor(inside: Endpoint, to: Endpoint, now: Instant): Mapping {
    const isShared = this.site.kind.mapping === 'endpoint-independent'
    const key = isShared ? inside : `${inside} ${to}`
    const known = this.#mappings.get(key)
    if (known !== undefined && isFresh(known.usedAt, now)) return known
    const made = {
      inside,
      port: this.#freePort(endpointParts(inside).port),
      sentTo: new Map<Endpoint, Instant>(),
      usedAt: now,
    }
    this.#mappings.set(key, made)
    return made
  }

  #freePort(wished: number): number {
    const { mapping } = this.site.kind
    const taken = new Set([...this.#mappings.values()].map(({ port }) => port))
    for (let port = mapping === 'endpoint-independent' ? wished : this.#anyPort(); ; port = this.#anyPort())
      if (!taken.has(port)) return port
  }

  #anyPort(): number {
    return this.site.kind.mapping === 'sequential' ? this.#nextPort++ : 1024 + (randomUint32(this.#random) % 60_000)
  }
}

/** Of the addresses that are routed to a site. */
export function routedPrefix(site: SimulatedSite, family: 4 | 6): string {
  const number = site.outside.split('.').at(-1) ?? '0'
  if (family === 6) return `2001:db8:${number}::`
  return site.kind.mapping === 'none' ? `198.18.${number}.` : 'none'
}

const isFresh = (at: Instant | undefined, now: Instant): boolean => at !== undefined && between(at, now) < MAPPING_LIFE
const isPrivate = (address: IpAddress): boolean => address.startsWith('192.168.') || address.startsWith('10.')
