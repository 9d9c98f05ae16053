import { Arena, bind, errnoCode, setUint64 } from '@weft/native'
import {
  CMSG_HEADER_BYTES,
  IOVEC_BYTES,
  MMSGHDR,
  MSGHDR,
  SEGMENT_SPACE,
  SOL_UDP,
  UDP_SEGMENT,
} from './message-header.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { PKTINFO_SPACE } from './socket-address.ts'

const sendmmsg = bind('int sendmmsg(int fd, uintptr_t messages, uint count, int flags)')

export const BATCH_MESSAGES = 64
const CONTROL_SPACE = PKTINFO_SPACE + SEGMENT_SPACE

/** Messages that go out in one `sendmmsg`; each is one datagram, or many that the kernel or the network card cuts (UDP_SEGMENT). */
export class OutgoingBatch {
  readonly #arena = new Arena(BATCH_MESSAGES * (MMSGHDR.bytes + IOVEC_BYTES + CONTROL_SPACE) + 24)
  readonly #headers = this.#arena.take(BATCH_MESSAGES * MMSGHDR.bytes)
  readonly #vectors = this.#arena.take(BATCH_MESSAGES * IOVEC_BYTES)
  readonly #controls = this.#arena.take(BATCH_MESSAGES * CONTROL_SPACE)
  #count = 0

  constructor() {
    for (let i = 0; i < BATCH_MESSAGES; i++) {
      const header = this.#headers + i * MMSGHDR.bytes
      this.#arena.setPointer(header + MSGHDR.iov, this.#vectors + i * IOVEC_BYTES)
      this.#arena.setPointer(header + MSGHDR.control, this.#controls + i * CONTROL_SPACE)
      setUint64(this.#arena.view, header + MSGHDR.iovCount, 1)
    }
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === BATCH_MESSAGES
  }

  /** `segment`: the length of each datagram in it; 0: it is one. */
  add(message: OutgoingMessage, address: number, length: number, segment: number): void {
    const { view, bytes } = this.#arena
    const i = this.#count++
    const header = this.#headers + i * MMSGHDR.bytes
    const vector = this.#vectors + i * IOVEC_BYTES
    setUint64(view, header + MSGHDR.name, message.nameAddress)
    view.setUint32(header + MSGHDR.nameLength, message.nameLength, true)
    setUint64(view, vector, address)
    view.setUint32(vector + 8, length, true)
    const control = this.#controls + i * CONTROL_SPACE
    const used = message.control.length
    if (used > 0) bytes.set(message.control, control)
    if (segment > 0) this.#writeSegment(control + used, segment)
    view.setUint32(header + MSGHDR.controlLength, used + (segment > 0 ? SEGMENT_SPACE : 0), true)
  }

  /** Sends from the message numbered `from` on; the number of the first that was not sent, `count` where all were. */
  send(fd: number, from: number): number {
    const sent = sendmmsg(fd, this.#arena.base + this.#headers + from * MMSGHDR.bytes, this.#count - from, 0)
    return sent < 0 ? from : from + sent
  }

  /** Why the last `send` sent nothing. */
  error(): string {
    return errnoCode()
  }

  clear(): void {
    this.#count = 0
  }

  #writeSegment(at: number, segment: number): void {
    const { view } = this.#arena
    setUint64(view, at, CMSG_HEADER_BYTES + 2)
    view.setInt32(at + 8, SOL_UDP, true)
    view.setInt32(at + 12, UDP_SEGMENT, true)
    view.setUint16(at + CMSG_HEADER_BYTES, segment, true)
  }
}
