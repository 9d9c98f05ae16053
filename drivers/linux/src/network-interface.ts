import { readFileSync } from 'node:fs'
import { familyOf, type IpAddress, type Prefix, parseIp, scopeOf } from '@weft/base'
import { SystemError } from '@weft/native'
import { attempt, InterfaceError } from './interface-error.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import {
  type AddressEntry,
  addAddress,
  addRoute,
  listAddresses,
  listLinks,
  listRoutes,
  removeAddress,
  removeRoute,
  setLinkMtu,
  setLinkUp,
  setNoLinkLocal,
} from './rtnetlink.ts'

/**
 * An interface of this machine. Everything is synchronous, and throws `InterfaceError` where the kernel refuses. Where the
 * machine has IPv6 switched off for the interface, what is of IPv6 is left out and answered, for the caller to say so.
 */
export class NetworkInterface {
  readonly name: string
  readonly index: number

  private constructor(name: string, index: number) {
    this.name = name
    this.index = index
  }

  /** @throws {InterfaceError} `no-interface`. */
  static named(name: string): NetworkInterface {
    using socket = new NetlinkSocket()
    const link = listLinks(socket).find((found) => found.name === name)
    if (link === undefined) throw new InterfaceError('no-interface', `there is no interface ${name}`)
    return new NetworkInterface(name, link.index)
  }

  /** Whether the machine speaks IPv6 on this interface. */
  get hasIpv6(): boolean {
    try {
      return readFileSync(`/proc/sys/net/ipv6/conf/${this.name}/disable_ipv6`, 'utf8').trim() === '0'
    } catch {
      return false
    }
  }

  setMtu(bytes: number): void {
    using socket = new NetlinkSocket()
    attempt(`set the MTU of ${this.name} to ${bytes}`, () => setLinkMtu(socket, this.index, bytes))
  }

  up(): void {
    using socket = new NetlinkSocket()
    if (this.hasIpv6) attempt(`set ${this.name} up`, () => setNoLinkLocal(socket, this.index))
    attempt(`set ${this.name} up`, () => setLinkUp(socket, this.index))
  }

  /**
   * Replaces the addresses, link-local ones apart: `100.64.0.1/32`, `fd00::1/128`.
   * @returns those left out for want of IPv6.
   */
  setAddresses(addresses: readonly string[]): readonly string[] {
    using socket = new NetlinkSocket()
    const wanted = addresses.map(parseInterfaceAddress)
    const present = listAddresses(socket).filter((entry) => entry.index === this.index)
    for (const entry of present) {
      if (scopeOf(entry.address) !== 'linkLocal' && !wanted.some((address) => sameAddress(address, entry)))
        this.#remove(socket, entry)
    }
    const leftOut: string[] = []
    for (const { address, length } of wanted) {
      if (!this.#speaks(address)) leftOut.push(`${address}/${length}`)
      else
        attempt(`give ${this.name} the address ${address}/${length}`, () =>
          addAddress(socket, this.index, address, length),
        )
    }
    return leftOut
  }

  /**
   * Adds routes through the interface to the main table; those of weft that are there already stay.
   * @returns those left out for want of IPv6.
   * @throws {InterfaceError} `route-taken`: the route of another is left alone.
   */
  addRoutes(prefixes: readonly Prefix[]): readonly Prefix[] {
    using socket = new NetlinkSocket()
    const leftOut: Prefix[] = []
    for (const prefix of prefixes) {
      if (this.#speaks(prefix)) this.#addRoute(socket, prefix)
      else leftOut.push(prefix)
    }
    return leftOut
  }

  /** Removes routes that `addRoutes` made; those that are gone already are no error. */
  removeRoutes(prefixes: readonly Prefix[]): void {
    using socket = new NetlinkSocket()
    for (const prefix of prefixes)
      attempt(`remove the route to ${prefix} from ${this.name}`, () =>
        ignoring(['ESRCH', 'ENODEV'], () => removeRoute(socket, this.index, prefix)),
      )
  }

  /** Removes weft's routes through the interface and all its addresses; harmless when the interface is gone. */
  removeAll(): void {
    using socket = new NetlinkSocket()
    this.removeRoutes([...this.#routes(socket, 4), ...this.#routes(socket, 6)])
    for (const entry of listAddresses(socket)) {
      if (entry.index === this.index) this.#remove(socket, entry)
    }
  }

  #addRoute(socket: NetlinkSocket, prefix: Prefix): void {
    attempt(`route ${prefix} through ${this.name}`, () => {
      try {
        addRoute(socket, this.index, prefix)
      } catch (error) {
        if (!(error instanceof SystemError) || error.code !== 'EEXIST') throw error
        if (!listRoutes(socket, this.index, familyOf(prefix)).includes(prefix)) throw routeTaken(prefix, error)
      }
    })
  }

  #remove(socket: NetlinkSocket, entry: AddressEntry): void {
    attempt(`take the address ${entry.address} from ${this.name}`, () =>
      ignoring(['EADDRNOTAVAIL', 'ENODEV'], () => removeAddress(socket, entry)),
    )
  }

  #routes(socket: NetlinkSocket, family: 4 | 6): readonly Prefix[] {
    return ignoring(['ENODEV'], () => listRoutes(socket, this.index, family)) ?? []
  }

  #speaks(address: IpAddress | Prefix): boolean {
    return familyOf(address) === 4 || this.hasIpv6
  }
}

function parseInterfaceAddress(text: string): { readonly address: IpAddress; readonly length: number } {
  const [addressText = '', lengthText = ''] = text.split('/', 2)
  const address = parseIp(addressText)
  const length = Number(lengthText)
  const longest = address !== undefined && familyOf(address) === 4 ? 32 : 128
  if (address === undefined || !/^\d{1,3}$/.test(lengthText) || length > longest)
    throw new InterfaceError('refused', `not an address with its prefix length: ${text}`)
  return { address, length }
}

function sameAddress(wanted: { readonly address: IpAddress; readonly length: number }, entry: AddressEntry): boolean {
  return wanted.address === entry.address && wanted.length === entry.length
}

function routeTaken(prefix: Prefix, cause: unknown): InterfaceError {
  return new InterfaceError(
    'route-taken',
    `${prefix} has a route already, which is not this weft's; see \`ip route show ${prefix}\`, and remove it or choose another range`,
    cause,
  )
}

function ignoring<T>(codes: readonly string[], change: () => T): T | undefined {
  try {
    return change()
  } catch (error) {
    if (error instanceof SystemError && codes.includes(error.code)) return undefined
    throw error
  }
}
