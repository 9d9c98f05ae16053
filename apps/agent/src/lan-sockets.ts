import { createSocket, type Socket } from 'node:dgram'
import { type Clock, type Family, familyOf, type IpAddress, type Logger, type Rate, TokenBucket } from '@weft/base'

/** docs/protocols/paths.md: what is said to all on a LAN goes no further than this LAN. */
const PORT = 7482
const GROUPS: Readonly<Record<Family, string>> = { 4: '239.255.74.82', 6: 'ff02::7765:6674' }
const MAX_LANS = 16
/** Of datagrams heard; what is more is not looked into. */
const HEARD: Rate = { burst: 100, perSecond: 100 }

/** An address of this machine, and the interface that has it. */
export interface LanAddress {
  readonly name: string
  readonly address: IpAddress
}

/** Hears and says datagrams on the LANs of this machine. */
export interface Lan {
  /** Replaces; one address of each interface and family is enough. */
  setAddresses(addresses: readonly LanAddress[]): void
  send(datagram: Uint8Array): void
  close(): void
}

export type OpenLan = (onDatagram: (datagram: Uint8Array) => void, logger: Logger) => Lan

interface LanSocket {
  readonly socket: Socket
  readonly name: string
  readonly family: Family
}

/** By multicast, with a socket for each interface and family. Where the machine allows it not, nothing is said or heard there. */
export class LanSockets implements Lan {
  readonly #onDatagram: (datagram: Uint8Array) => void
  readonly #logger: Logger
  readonly #sockets = new Map<string, LanSocket>()
  readonly #heard = new TokenBucket(HEARD)
  readonly #clock: Clock

  constructor(options: {
    readonly onDatagram: (datagram: Uint8Array) => void
    readonly clock: Clock
    readonly logger: Logger
  }) {
    this.#onDatagram = options.onDatagram
    this.#clock = options.clock
    this.#logger = options.logger
  }

  setAddresses(addresses: readonly LanAddress[]): void {
    const wanted = new Map<string, LanAddress>()
    for (const each of addresses) {
      const key = `${each.name} ${familyOf(each.address) === 4 ? each.address : 6}`
      if (wanted.size < MAX_LANS) wanted.set(key, each)
    }
    for (const [key, { socket }] of this.#sockets) {
      if (wanted.has(key)) continue
      this.#sockets.delete(key)
      socket.close()
    }
    for (const [key, address] of wanted) if (!this.#sockets.has(key)) this.#open(key, address)
  }

  send(datagram: Uint8Array): void {
    for (const { socket, name, family } of this.#sockets.values())
      socket.send(datagram, PORT, GROUPS[family], (error) => this.#tell(name, error))
  }

  close(): void {
    for (const { socket } of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #open(key: string, { name, address }: LanAddress): void {
    const family = familyOf(address)
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', reuseAddr: true, ipv6Only: family === 6 })
    const opened = { socket, name, family }
    this.#sockets.set(key, opened)
    socket.on('error', (error) => this.#giveUp(key, opened, error))
    socket.on('message', (datagram) => this.#hear(new Uint8Array(datagram)))
    socket.bind(PORT, () => {
      try {
        const place = family === 4 ? address : `::%${name}`
        socket.addMembership(GROUPS[family], place)
        socket.setMulticastInterface(place)
        socket.setMulticastTTL(1)
        socket.setMulticastLoopback(false)
      } catch (error) {
        this.#giveUp(key, opened, error)
      }
    })
    socket.unref()
  }

  #giveUp(key: string, opened: LanSocket, error: unknown): void {
    this.#tell(opened.name, error)
    if (this.#sockets.get(key) !== opened) return
    this.#sockets.delete(key)
    opened.socket.close()
  }

  #hear(datagram: Uint8Array): void {
    if (this.#heard.take(this.#clock().instant)) this.#onDatagram(datagram)
  }

  #tell(name: string, error: unknown): void {
    if (error instanceof Error) this.#logger.debug('no multicast', { interface: name, reason: error.message })
  }
}
