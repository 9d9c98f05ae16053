import { Arena, bind, closeDescriptor, errnoCode, SystemError, setUint64 } from '@weft/native'
import { IOVEC_BYTES } from './message-header.ts'

const read = bind('intptr_t read(int fd, uintptr_t buffer, size_t length)')
const write = bind('intptr_t write(int fd, uintptr_t buffer, size_t length)')
const writev = bind('intptr_t writev(int fd, uintptr_t vectors, int count)')
const fcntl = bind('int fcntl(int fd, int command, int value)')

const F_GETFL = 3
const F_SETFL = 4
const O_NONBLOCK = 0o4000

/** The most parts that one packet is gathered from. */
const MAX_PARTS = 128

/** What a packet port does beyond taking one packet a write and giving one a read. */
export interface PortOffloads {
  /** A virtio header goes before each packet, both ways, and packets may stand for many of TCP. */
  readonly virtioHeader: boolean
  /** They may stand for many of UDP, too. */
  readonly udpSegments: boolean
}

export const NO_OFFLOADS: PortOffloads = { virtioHeader: false, udpSegments: false }

/** Where tunnel packets enter and leave: a TUN, or a packet socket that stands for one. */
export class PacketPort {
  readonly fd: number
  readonly offloads: PortOffloads
  readonly #vectors = new Arena(MAX_PARTS * IOVEC_BYTES + 8)
  readonly #first = this.#vectors.take(MAX_PARTS * IOVEC_BYTES)
  #parts = 0
  #bytes = 0

  /** Owns the descriptor from here on. A `SystemError` where it is none. */
  constructor(fd: number, offloads = NO_OFFLOADS) {
    const flags = fcntl(fd, F_GETFL, 0)
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) throw new SystemError('fcntl', errnoCode())
    this.fd = fd
    this.offloads = offloads
  }

  /** The packet's length; 0 where none waits, or where it was the end (`poll` tells which). A `SystemError` where the port is gone. */
  read(address: number, capacity: number): number {
    const length = read(this.fd, address, capacity)
    if (length >= 0) return length
    const code = errnoCode()
    if (code === 'EAGAIN' || code === 'EINTR') return 0
    throw new SystemError('read', code)
  }

  /** False where the port did not take it: the interface is down, or its queue full. */
  write(address: number, length: number): boolean {
    return write(this.fd, address, length) === length
  }

  /** One part of the packet that `writeParts` writes. */
  addPart(address: number, length: number): void {
    const { view } = this.#vectors
    const at = this.#first + this.#parts * IOVEC_BYTES
    setUint64(view, at, address)
    view.setUint32(at + 8, length, true)
    this.#parts += 1
    this.#bytes += length
  }

  /** As `write`, of the parts that were added. */
  writeParts(): boolean {
    const isWritten = writev(this.fd, this.#vectors.base + this.#first, this.#parts) === this.#bytes
    this.#parts = 0
    this.#bytes = 0
    return isWritten
  }

  close(): void {
    closeDescriptor(this.fd)
  }
}
