import { bind, closeDescriptor, errnoCode, SystemError } from '@weft/native'

const read = bind('intptr_t read(int fd, uintptr_t buffer, size_t length)')
const write = bind('intptr_t write(int fd, uintptr_t buffer, size_t length)')
const fcntl = bind('int fcntl(int fd, int command, int value)')

const F_GETFL = 3
const F_SETFL = 4
const O_NONBLOCK = 0o4000

/** Where tunnel packets enter and leave: a TUN, or a packet socket that stands for one. One packet a read, one a write. */
export class PacketPort {
  readonly fd: number

  /** Owns the descriptor from here on. A `SystemError` where it is none. */
  constructor(fd: number) {
    const flags = fcntl(fd, F_GETFL, 0)
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) throw new SystemError('fcntl', errnoCode())
    this.fd = fd
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

  close(): void {
    closeDescriptor(this.fd)
  }
}
