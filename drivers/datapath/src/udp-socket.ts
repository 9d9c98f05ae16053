import type { Family } from '@weft/base'
import type { SocketId } from '@weft/datapath'
import { Arena, addressOf, bind, checked, closeDescriptor } from '@weft/native'
import { SOL_UDP, UDP_GRO, UDP_SEGMENT } from './message-header.ts'
import {
  AF_INET,
  AF_INET6,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  SOCKADDR_BYTES,
  socketAddressPort,
  writeWildcardAddress,
} from './socket-address.ts'

const socket = bind('int socket(int family, int type, int protocol)')
const bindSocket = bind('int bind(int fd, uintptr_t address, uint length)')
const getsockname = bind('int getsockname(int fd, uintptr_t address, uintptr_t length)')
const setsockopt = bind('int setsockopt(int fd, int level, int name, uintptr_t value, uint length)')

const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_SNDBUFFORCE = 32
const SO_MARK = 36
const SO_RCVBUFFORCE = 33
const IP_MTU_DISCOVER = 10
const IPV6_MTU_DISCOVER = 23
const IPV6_V6ONLY = 26
const IPV6_RECVPKTINFO = 49
/** The kernel fragments what is too long for the route, rather than dropping it. */
const PMTUDISC_DONT = 0
/** Nothing is fragmented, here or on the way, and what routers say of the route is not believed. */
const PMTUDISC_PROBE = 3
/** What comes while the lane is busy with a batch of something else waits here. */
const BUFFER_BYTES = 8 << 20

/** Whether sockets may have that mark is the same for all of them: tried on one that is no further used. Throws a `SystemError`. */
export function requireMark(mark: number): void {
  const fd = checked('socket', socket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0))
  try {
    checked('setsockopt', setsockopt(fd, SOL_SOCKET, SO_MARK, addressOf(Int32Array.of(mark)), 4))
  } finally {
    closeDescriptor(fd)
  }
}

/** An underlay socket, bound to every address of one family. Nothing it does blocks. */
export class UdpSocket {
  readonly id: SocketId
  readonly family: Family
  readonly fd: number
  readonly port: number
  /** Many datagrams of one length may be sent as one message. Found out at the start; false once a device refused. */
  canSegment: boolean
  readonly #scratch = new Arena(SOCKADDR_BYTES + 24)
  readonly #address = this.#scratch.take(SOCKADDR_BYTES)
  readonly #value = this.#scratch.take(8)

  /** Port 0 takes any, mark 0 is none. A `SystemError` where it cannot be had; nothing is left open then. */
  constructor(id: SocketId, family: Family, port: number, mark = 0) {
    this.id = id
    this.family = family
    this.fd = checked('socket', socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0))
    try {
      this.#configure()
      if (mark !== 0) this.setMark(mark)
      this.port = this.#bind(port)
      this.canSegment = this.#trySet(SOL_UDP, UDP_SEGMENT, 0) >= 0
      // Where the kernel has it not, datagrams come one by one.
      this.#trySet(SOL_UDP, UDP_GRO, 1)
    } catch (error) {
      closeDescriptor(this.fd)
      throw error
    }
  }

  /** A `SystemError` without the privilege for it. */
  setMark(mark: number): void {
    this.#set(SOL_SOCKET, SO_MARK, mark | 0)
  }

  /** What is sent meanwhile arrives in one piece or not at all. */
  withoutFragments<Result>(send: () => Result): Result {
    this.#setFragmenting(PMTUDISC_PROBE)
    try {
      return send()
    } finally {
      this.#setFragmenting(PMTUDISC_DONT)
    }
  }

  close(): void {
    closeDescriptor(this.fd)
  }

  #configure(): void {
    this.#enlarge(SO_RCVBUFFORCE, SO_RCVBUF)
    this.#enlarge(SO_SNDBUFFORCE, SO_SNDBUF)
    if (this.family === 4) {
      this.#set(IPPROTO_IP, IP_PKTINFO, 1)
    } else {
      this.#set(IPPROTO_IPV6, IPV6_V6ONLY, 1)
      this.#set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    }
    this.#setFragmenting(PMTUDISC_DONT)
  }

  #setFragmenting(way: number): void {
    if (this.family === 4) this.#set(IPPROTO_IP, IP_MTU_DISCOVER, way)
    else this.#set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, way)
  }

  /** Without the privilege for more, as much as the system allows everyone. */
  #enlarge(forced: number, asked: number): void {
    if (this.#trySet(SOL_SOCKET, forced, BUFFER_BYTES) < 0) this.#set(SOL_SOCKET, asked, BUFFER_BYTES)
  }

  #set(level: number, name: number, value: number): void {
    checked('setsockopt', this.#trySet(level, name, value))
  }

  #trySet(level: number, name: number, value: number): number {
    this.#scratch.view.setInt32(this.#value, value, true)
    return setsockopt(this.fd, level, name, this.#scratch.base + this.#value, 4)
  }

  #bind(port: number): number {
    const { bytes, view, base } = this.#scratch
    const length = writeWildcardAddress(bytes, this.#address, this.family, port)
    checked('bind', bindSocket(this.fd, base + this.#address, length))
    view.setUint32(this.#value, SOCKADDR_BYTES, true)
    checked('getsockname', getsockname(this.fd, base + this.#address, base + this.#value))
    return socketAddressPort(bytes, this.#address)
  }
}
