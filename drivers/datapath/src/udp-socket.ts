import type { Family } from '@weft/base'
import type { DirectPath, SocketId } from '@weft/datapath'
import { Arena, bind, checked, closeDescriptor, setUint64 } from '@weft/native'
import { IOVEC_BYTES, MSGHDR } from './message-header.ts'
import {
  AF_INET,
  AF_INET6,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  PKTINFO_SPACE,
  readPacketInfo,
  readSocketAddress,
  SOCKADDR_BYTES,
  socketAddressPort,
  writeWildcardAddress,
} from './socket-address.ts'

const socket = bind('int socket(int family, int type, int protocol)')
const bindSocket = bind('int bind(int fd, uintptr_t address, uint length)')
const getsockname = bind('int getsockname(int fd, uintptr_t address, uintptr_t length)')
const setsockopt = bind('int setsockopt(int fd, int level, int name, uintptr_t value, uint length)')
const recvmsg = bind('intptr_t recvmsg(int fd, uintptr_t message, int flags)')

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
/** What comes while the lane is busy with a batch of something else waits here. */
const BUFFER_BYTES = 8 << 20

/** An underlay socket, bound to every address of one family. Nothing it does blocks. */
export class UdpSocket {
  readonly id: SocketId
  readonly family: Family
  readonly fd: number
  readonly port: number
  readonly #message = new Arena(MSGHDR.bytes + IOVEC_BYTES + SOCKADDR_BYTES + PKTINFO_SPACE + 16)
  readonly #header = this.#message.take(MSGHDR.bytes)
  readonly #vector = this.#message.take(IOVEC_BYTES)
  readonly #source = this.#message.take(SOCKADDR_BYTES)
  readonly #control = this.#message.take(PKTINFO_SPACE)

  /** Port 0 takes any, mark 0 is none. A `SystemError` where it cannot be had; nothing is left open then. */
  constructor(id: SocketId, family: Family, port: number, mark = 0) {
    this.id = id
    this.family = family
    this.fd = checked('socket', socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0))
    try {
      this.#configure()
      if (mark !== 0) this.setMark(mark)
      this.port = this.#bind(port)
    } catch (error) {
      closeDescriptor(this.fd)
      throw error
    }
    this.#message.setPointer(this.#header + MSGHDR.name, this.#source)
    this.#message.setPointer(this.#header + MSGHDR.iov, this.#vector)
    this.#message.setPointer(this.#header + MSGHDR.control, this.#control)
    setUint64(this.#message.view, this.#header + MSGHDR.iovCount, 1)
  }

  /** The length of the next datagram, written to `address`; -1 where none waits. Its origin can be asked until the next call. */
  receive(address: number, capacity: number): number {
    const { view, base } = this.#message
    setUint64(view, this.#vector, address)
    setUint64(view, this.#vector + 8, capacity)
    view.setUint32(this.#header + MSGHDR.nameLength, SOCKADDR_BYTES, true)
    view.setUint32(this.#header + MSGHDR.controlLength, PKTINFO_SPACE, true)
    return recvmsg(this.fd, base + this.#header, 0)
  }

  /** Whether the last datagram came from where an answer can be sent to. */
  get hasOrigin(): boolean {
    return socketAddressPort(this.#message.bytes, this.#source) !== 0
  }

  /** The way back to where the last datagram came from. */
  origin(): DirectPath {
    const { bytes, view } = this.#message
    const remote = readSocketAddress(bytes, this.#source, this.family)
    const local = readPacketInfo(bytes, this.#control, view.getUint32(this.#header + MSGHDR.controlLength, true))
    return { kind: 'direct', socket: this.id, remote, ...(local === undefined ? {} : { local }) }
  }

  /** Whether the last datagram has the origin that `copyOrigin` told of an earlier one. */
  cameFrom(origin: Uint8Array): boolean {
    const { bytes } = this.#message
    for (let i = 0; i < SOCKADDR_BYTES; i++) if (bytes[this.#source + i] !== origin[i]) return false
    for (let i = 0; i < PKTINFO_SPACE; i++) if (bytes[this.#control + i] !== origin[SOCKADDR_BYTES + i]) return false
    return true
  }

  /** Where the last datagram came from, and to which address, as the kernel wrote it. */
  copyOrigin(): Uint8Array {
    const { bytes } = this.#message
    const origin = new Uint8Array(SOCKADDR_BYTES + PKTINFO_SPACE)
    origin.set(bytes.subarray(this.#source, this.#source + SOCKADDR_BYTES))
    origin.set(bytes.subarray(this.#control, this.#control + PKTINFO_SPACE), SOCKADDR_BYTES)
    return origin
  }

  /** A `SystemError` without the privilege for it. */
  setMark(mark: number): void {
    this.#set(SOL_SOCKET, SO_MARK, mark | 0)
  }

  close(): void {
    closeDescriptor(this.fd)
  }

  #configure(): void {
    this.#enlarge(SO_RCVBUFFORCE, SO_RCVBUF)
    this.#enlarge(SO_SNDBUFFORCE, SO_SNDBUF)
    if (this.family === 4) {
      this.#set(IPPROTO_IP, IP_PKTINFO, 1)
      this.#set(IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT)
    } else {
      this.#set(IPPROTO_IPV6, IPV6_V6ONLY, 1)
      this.#set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
      this.#set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DONT)
    }
  }

  /** Without the privilege for more, as much as the system allows everyone. */
  #enlarge(forced: number, asked: number): void {
    if (this.#trySet(SOL_SOCKET, forced, BUFFER_BYTES) < 0) this.#set(SOL_SOCKET, asked, BUFFER_BYTES)
  }

  #set(level: number, name: number, value: number): void {
    checked('setsockopt', this.#trySet(level, name, value))
  }

  #trySet(level: number, name: number, value: number): number {
    this.#message.view.setInt32(this.#control, value, true)
    return setsockopt(this.fd, level, name, this.#message.base + this.#control, 4)
  }

  #bind(port: number): number {
    const { bytes, view, base } = this.#message
    const length = writeWildcardAddress(bytes, this.#source, this.family, port)
    checked('bind', bindSocket(this.fd, base + this.#source, length))
    view.setUint32(this.#control, SOCKADDR_BYTES, true)
    checked('getsockname', getsockname(this.fd, base + this.#source, base + this.#control))
    return socketAddressPort(bytes, this.#source)
  }
}
