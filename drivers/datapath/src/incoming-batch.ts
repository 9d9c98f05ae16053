import type { Family } from '@weft/base'
import type { DirectPath, SocketId } from '@weft/datapath'
import { Arena, bind, setUint64 } from '@weft/native'
import { CMSG_HEADER_BYTES, IOVEC_BYTES, MMSGHDR, MSGHDR, SEGMENT_SPACE, SOL_UDP } from './message-header.ts'
import {
  PKTINFO_SPACE,
  readPacketInfo,
  readSocketAddress,
  SOCKADDR_BYTES,
  SOCKADDR_IN_BYTES,
  socketAddressPort,
} from './socket-address.ts'

const recvmmsg = bind('int recvmmsg(int fd, uintptr_t messages, uint count, int flags, uintptr_t timeout)')

const CONTROL_SPACE = PKTINFO_SPACE + SEGMENT_SPACE
const NAME_SPACE = SOCKADDR_BYTES + 4

/** Where messages lie: the first one's address, and from one to the next. */
export interface MessageSlots {
  readonly address: number
  readonly bytes: number
  readonly count: number
}

/** Messages that came in one `recvmmsg`; each is one datagram, or many of one length and origin (UDP_GRO). They hold until the next. */
export class IncomingBatch {
  readonly #slots: MessageSlots
  readonly #arena: Arena
  readonly #headers: number
  readonly #names: number
  readonly #controls: number
  /** Of the socket that was last received from. */
  #family: Family = 4
  #socket: SocketId = 0 as SocketId
  /** Headers that the kernel has written its lengths into. */
  #used = 0

  constructor(slots: MessageSlots) {
    const { count } = slots
    this.#slots = slots
    this.#arena = new Arena(count * (MMSGHDR.bytes + IOVEC_BYTES + NAME_SPACE + CONTROL_SPACE) + 32)
    this.#headers = this.#arena.take(count * MMSGHDR.bytes)
    const vectors = this.#arena.take(count * IOVEC_BYTES)
    this.#names = this.#arena.take(count * NAME_SPACE)
    this.#controls = this.#arena.take(count * CONTROL_SPACE)
    for (let i = 0; i < count; i++) this.#prepare(i, vectors + i * IOVEC_BYTES)
    this.#used = count
  }

  get socket(): SocketId {
    return this.#socket
  }

  /** How many messages there are now; 0 where none waits. */
  receive(fd: number, family: Family, socket: SocketId): number {
    const { view } = this.#arena
    for (let i = 0; i < this.#used; i++) {
      const header = this.#headers + i * MMSGHDR.bytes
      view.setUint32(header + MSGHDR.nameLength, SOCKADDR_BYTES, true)
      view.setUint32(header + MSGHDR.controlLength, CONTROL_SPACE, true)
    }
    this.#family = family
    this.#socket = socket
    const count = recvmmsg(fd, this.#arena.base + this.#headers, this.#slots.count, 0, 0)
    // A call that failed may have written the first header.
    this.#used = Math.max(count, 1)
    return Math.max(count, 0)
  }

  /** All its bytes. */
  length(message: number): number {
    return this.#arena.view.getUint32(this.#headers + message * MMSGHDR.bytes + MMSGHDR.length, true)
  }

  /** The length of each of its datagrams but the last. */
  stride(message: number): number {
    const at = this.#find(message, true)
    return at < 0 ? Math.max(this.length(message), 1) : this.#arena.view.getInt32(at + CMSG_HEADER_BYTES, true)
  }

  /** Whether it came from where an answer can be sent to. */
  hasOrigin(message: number): boolean {
    return socketAddressPort(this.#arena.bytes, this.#name(message)) !== 0
  }

  /** The way back to where it came from. */
  origin(message: number): DirectPath {
    const { bytes } = this.#arena
    const remote = readSocketAddress(bytes, this.#name(message), this.#family)
    const info = this.#find(message, false)
    const local = info < 0 ? undefined : readPacketInfo(bytes, info, PKTINFO_SPACE)
    return { kind: 'direct', socket: this.#socket, remote, ...(local === undefined ? {} : { local }) }
  }

  /** Whether it has the origin that `copyOrigin` told of an earlier one. */
  cameFrom(message: number, origin: Uint8Array): boolean {
    const { bytes } = this.#arena
    const name = this.#name(message)
    const info = this.#find(message, false)
    for (let i = 0; i < this.#nameLength(); i++) if (bytes[name + i] !== origin[i]) return false
    if (info < 0) return true
    const length = this.#arena.view.getUint32(info, true)
    for (let i = 0; i < length; i++) if (bytes[info + i] !== origin[SOCKADDR_BYTES + i]) return false
    return true
  }

  /** Where it came from, and to which address, as the kernel wrote it. */
  copyOrigin(message: number): Uint8Array {
    const { bytes, view } = this.#arena
    const origin = new Uint8Array(SOCKADDR_BYTES + PKTINFO_SPACE)
    const name = this.#name(message)
    origin.set(bytes.subarray(name, name + this.#nameLength()))
    const info = this.#find(message, false)
    if (info >= 0) origin.set(bytes.subarray(info, info + view.getUint32(info, true)), SOCKADDR_BYTES)
    return origin
  }

  #prepare(message: number, vector: number): void {
    const { view } = this.#arena
    const header = this.#headers + message * MMSGHDR.bytes
    this.#arena.setPointer(header + MSGHDR.name, this.#name(message))
    this.#arena.setPointer(header + MSGHDR.iov, vector)
    setUint64(view, header + MSGHDR.iovCount, 1)
    this.#arena.setPointer(header + MSGHDR.control, this.#controls + message * CONTROL_SPACE)
    setUint64(view, vector, this.#slots.address + message * this.#slots.bytes)
    view.setUint32(vector + 8, this.#slots.bytes, true)
  }

  #name(message: number): number {
    return this.#names + message * NAME_SPACE
  }

  #nameLength(): number {
    return this.#family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES
  }

  #controlLength(message: number): number {
    return this.#arena.view.getUint32(this.#headers + message * MMSGHDR.bytes + MSGHDR.controlLength, true)
  }

  /** Where the control message with the length of segments is, or the other one, with the local address; -1 where it is not. */
  #find(message: number, isOfSegments: boolean): number {
    const { view } = this.#arena
    const start = this.#controls + message * CONTROL_SPACE
    const end = start + this.#controlLength(message)
    for (let at = start; at + CMSG_HEADER_BYTES <= end; ) {
      if ((view.getInt32(at + 8, true) === SOL_UDP) === isOfSegments) return at
      at += (Math.max(view.getUint32(at, true), CMSG_HEADER_BYTES) + 7) & ~7
    }
    return -1
  }
}
