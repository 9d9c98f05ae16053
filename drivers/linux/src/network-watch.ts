import { viewOf } from '@weft/base'
import { addressOf, bind, bindInBackground, checked, closeDescriptor, errnoCode, WakeSignal } from '@weft/native'
import { decodeAttributes, decodeMessages, type NetlinkMessage, readUint32 } from './netlink-message.ts'

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000
const NETLINK_ROUTE = 0
// rtnetlink.h: the multicast groups.
const RTMGRP_LINK = 0x1
const RTMGRP_IPV4_IFADDR = 0x10
const RTMGRP_IPV4_ROUTE = 0x40
const RTMGRP_IPV6_IFADDR = 0x100
const RTMGRP_IPV6_ROUTE = 0x400
const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RT_TABLE_MAIN = 254
const RTA_OIF = 4
const IFF_RUNNING = 0x40

const POLLIN = 1
/** `struct pollfd`, twice. */
const POLL_BYTES = 16
/** Where nobody closes the watch, the program's end waits for no longer. */
const STEP_MS = 1_000
const RECEIVE_BYTES = 64 * 1024
/** A change comes with others. */
const SETTLING_MS = 30

const openSocket = bind('int socket(int domain, int type, int protocol)')
const bindSocket = bind('int bind(int fd, uintptr_t address, uint32_t length)')
const receive = bind('intptr_t recv(int fd, uintptr_t buffer, size_t length, int flags)')
const indexOf = bind('uint if_nametoindex(const char *name)')
const poll = bindInBackground('int poll(uintptr_t descriptors, ulong count, int timeout)')

/** weft's own interface, whose changes are no news of the machine's network. */
export interface WatchedInterface {
  readonly name: string
  /** An address or a route of it is gone, or it was down meanwhile: whoever did that, its owner too. */
  readonly onLoss: () => void
}

/** Tells when this machine's addresses, default routes or links change, as the kernel does (rtnetlink's multicast groups). */
export class NetworkWatch implements Disposable {
  readonly #onChange: () => void
  readonly #own: WatchedInterface | undefined
  readonly #descriptor: number
  readonly #wake = new WakeSignal()
  readonly #buffer = new Uint8Array(RECEIVE_BYTES)
  readonly #entries = new Uint8Array(POLL_BYTES)
  /** By number, those that were running when last heard of. */
  readonly #running = new Map<number, boolean>()
  #isClosed = false
  #settling: NodeJS.Timeout | undefined

  /** @throws {SystemError} where the kernel refuses. */
  constructor(onChange: () => void, own?: WatchedInterface) {
    this.#onChange = onChange
    this.#own = own
    this.#descriptor = checked('socket', openSocket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, NETLINK_ROUTE))
    // struct sockaddr_nl: family (2), padding (2), port (4), groups (4).
    const address = new Uint8Array(12)
    viewOf(address).setUint16(0, AF_NETLINK, true)
    viewOf(address).setUint32(8, GROUPS, true)
    try {
      checked('bind', bindSocket(this.#descriptor, addressOf(address), address.length))
    } catch (error) {
      closeDescriptor(this.#descriptor)
      this.#wake.close()
      throw error
    }
    for (const [place, fd] of [this.#descriptor, this.#wake.fd].entries()) {
      viewOf(this.#entries).setInt32(place * 8, fd, true)
      viewOf(this.#entries).setUint16(place * 8 + 4, POLLIN, true)
    }
    void this.#listen()
  }

  /** Nothing is told any more. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#settling)
    this.#wake.ring()
  }

  /** The descriptors are closed by whoever waits for them, once it does so no more. */
  async #listen(): Promise<void> {
    while (!this.#isClosed) {
      await poll(addressOf(this.#entries), 2, STEP_MS)
      if (!this.#isClosed && this.#hasNews()) this.#settle()
    }
    closeDescriptor(this.#descriptor)
    this.#wake.close()
  }

  #settle(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined
      this.#onChange()
    }, SETTLING_MS)
  }

  #hasNews(): boolean {
    let hasNews = false
    for (;;) {
      const length = receive(this.#descriptor, addressOf(this.#buffer), this.#buffer.length, 0)
      // ENOBUFS: there was more than the kernel kept for us.
      if (length < 0) return hasNews || errnoCode() === 'ENOBUFS'
      for (const message of decodeMessages(this.#buffer.subarray(0, length))) if (this.#isNews(message)) hasNews = true
    }
  }

  #isNews({ type, body }: NetlinkMessage): boolean {
    switch (type) {
      case RTM_NEWADDR:
      case RTM_DELADDR:
        return this.#hasAddressChanged(type === RTM_NEWADDR, body)
      case RTM_NEWROUTE:
      case RTM_DELROUTE:
        return this.#hasRouteChanged(type === RTM_NEWROUTE, body)
      case RTM_NEWLINK:
      case RTM_DELLINK:
        return this.#hasLinkChanged(type === RTM_NEWLINK, body)
      default:
        return false
    }
  }

  /** ifaddrmsg. */
  #hasAddressChanged(exists: boolean, body: Uint8Array): boolean {
    if (body.length < 8) return false
    if (!this.#isOwn(viewOf(body).getUint32(4, true))) return true
    if (!exists) this.#own?.onLoss()
    return false
  }

  /** rtmsg: a default route has no destination's bits. */
  #hasRouteChanged(exists: boolean, body: Uint8Array): boolean {
    if (body.length < 12 || body[4] !== RT_TABLE_MAIN) return false
    const index = exists ? undefined : readUint32(decodeAttributes(body.subarray(12)).get(RTA_OIF))
    if (index !== undefined && this.#isOwn(index)) this.#own?.onLoss()
    return body[1] === 0
  }

  /** A link's statistics and settings are told too. */
  #hasLinkChanged(exists: boolean, body: Uint8Array): boolean {
    if (body.length < 16) return false
    const view = viewOf(body)
    const index = view.getInt32(4, true)
    const isRunning = exists && (view.getUint32(8, true) & IFF_RUNNING) !== 0
    const before = this.#running.get(index)
    if (exists) this.#running.set(index, isRunning)
    else this.#running.delete(index)
    if (before === undefined || before === isRunning) return false
    if (!this.#isOwn(index)) return true
    // The kernel says nothing of the routes that go with a link.
    if (isRunning) this.#own?.onLoss()
    return false
  }

  #isOwn(index: number): boolean {
    return this.#own !== undefined && indexOf(this.#own.name) === index
  }
}
