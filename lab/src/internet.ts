import { NAT_KINDS, type NatName } from '@weft/testing'
import type { Lab } from './lab.ts'
import type { Machine } from './machine.ts'
import { natRules } from './nat.ts'
import type { Switch, SwitchNetwork } from './switch.ts'
import { LabError } from './system-command.ts'

const INTERNET: SwitchNetwork = { v4: '192.0.2.0/24', v6: '2001:db8::/64' }
/** At home everywhere, so that a private address means another machine at each site. */
const HOME_LAN = '192.168.1.0/24'

export interface SiteOptions {
  readonly nat: NatName
  /** Behind that site's router instead of on the internet itself: a home behind a carrier. */
  readonly behind?: Site
  readonly hairpin?: boolean
  readonly blocksUdp?: boolean
  /** Also has IPv6, routed and with a firewall where the site has a NAT. */
  readonly v6?: boolean
  /** No IPv4 at all. */
  readonly v6Only?: boolean
  /** A /24 for inside; `192.168.1.0/24`, or a public one where nothing is translated. */
  readonly lan?: string
}

/**
 *   host ──┐
 *   core ──┤ 192.0.2.0/24, 2001:db8::/64      every machine here sends to elsewhere by the core,
 *          ├─ internet                        which knows the routed prefixes
 *   site ──┘
 *    └ router (eth0 outside, lan0 inside) ── lan ── hosts
 */
export class Internet {
  readonly core: Machine
  readonly switch: Switch
  readonly #lab: Lab
  #sites = 0

  private constructor(lab: Lab, network: Switch, core: Machine) {
    this.#lab = lab
    this.switch = network
    this.core = core
  }

  static async create(lab: Lab): Promise<Internet> {
    const network = lab.switch('internet', INTERNET)
    const core = lab.machine('core', { on: network })
    await forward(core)
    return new Internet(lab, network, core)
  }

  /** A machine with a public address. */
  async host(name: string): Promise<Machine> {
    const host = this.#lab.machine(name, { on: this.switch })
    await routeByDefault(host, this.core)
    return host
  }

  async site(name: string, options: SiteOptions): Promise<Site> {
    const number = ++this.#sites
    const kind = NAT_KINDS[options.nat]
    const router = this.#lab.machine(`${name}-router`, { on: options.behind?.lan ?? this.switch })
    const lan = this.#lab.switch(`${name}-lan`, lanOf(options, kind.mapping, number))
    const inside = router.attachTo(lan, 'lan0')
    await forward(router)
    await routeByDefault(router, options.behind?.router ?? this.core, options.behind?.inside)
    if (options.behind === undefined) await this.#route(lan, router, kind.mapping === 'none')
    await setRules(
      router,
      natRules(kind, {
        outside: router.v4 ?? '',
        hairpin: options.hairpin ?? false,
        blocksUdp: options.blocksUdp ?? false,
      }),
    )
    return new Site(this.#lab, { router, lan, inside })
  }

  /** The core sends what is for the site to its router: IPv6 always, IPv4 where nothing is translated. */
  async #route(lan: Switch, router: Machine, isRouted: boolean): Promise<void> {
    const { v4, v6 } = lan.network
    if (v4 !== undefined && isRouted) await this.core.ok('ip', 'route', 'add', v4, 'via', router.v4 ?? '')
    if (v6 !== undefined) await this.core.ok('ip', '-6', 'route', 'add', v6, 'via', router.v6 ?? '')
  }
}

interface Addresses {
  readonly v4?: string | undefined
  readonly v6?: string | undefined
}

/** A router and what is behind it. */
export class Site {
  readonly router: Machine
  readonly lan: Switch
  /** The router's addresses on the inside. */
  readonly inside: Addresses
  readonly #lab: Lab

  constructor(lab: Lab, parts: { readonly router: Machine; readonly lan: Switch; readonly inside: Addresses }) {
    this.#lab = lab
    this.router = parts.router
    this.lan = parts.lan
    this.inside = parts.inside
  }

  async host(name: string): Promise<Machine> {
    const host = this.#lab.machine(name, { on: this.lan })
    await routeByDefault(host, this.router, this.inside)
    return host
  }
}

function lanOf(options: SiteOptions, mapping: string, number: number): SwitchNetwork {
  const v4 = options.lan ?? (mapping === 'none' ? `198.18.${number}.0/24` : HOME_LAN)
  const v6 = `2001:db8:${(0x100 + number).toString(16)}::/64`
  return { ...(options.v6Only ? {} : { v4 }), ...(options.v6 || options.v6Only ? { v6 } : {}) }
}

async function forward(machine: Machine): Promise<void> {
  await machine.ok('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding')
}

async function routeByDefault(machine: Machine, router: Machine, at: Addresses = router): Promise<void> {
  if (machine.v4 !== undefined && at.v4 !== undefined) await machine.ok('ip', 'route', 'add', 'default', 'via', at.v4)
  if (machine.v6 !== undefined && at.v6 !== undefined)
    await machine.ok('ip', '-6', 'route', 'add', 'default', 'via', at.v6)
}

async function setRules(router: Machine, rules: string): Promise<void> {
  const { code, stderr } = await router.runWith({ input: `${rules}\n` }, 'nft', '-f', '-')
  if (code !== 0) throw new LabError(`the rules of ${router.name}: ${stderr}`)
}
