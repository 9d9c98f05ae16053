import { addressOf, bind, checked, closeDescriptor, errnoCode } from '@weft/native'
import { until } from './until.ts'

const socketpair = bind('int socketpair(int family, int type, int protocol, uintptr_t descriptors)')
const read = bind('intptr_t read(int fd, uintptr_t buffer, size_t length)')
const write = bind('intptr_t write(int fd, uintptr_t buffer, size_t length)')

const AF_UNIX = 1
const SOCK_SEQPACKET_NONBLOCK_CLOEXEC = 5 | 0o4000 | 0o2000000

/** Two packet sockets joined: one end for a lane, the other for the test, who stands for the kernel behind the TUN. */
export class PacketPair {
  readonly laneFd: number
  readonly #fd: number
  readonly #buffer = new Uint8Array(70_000)

  constructor() {
    const pair = new Int32Array(2)
    checked('socketpair', socketpair(AF_UNIX, SOCK_SEQPACKET_NONBLOCK_CLOEXEC, 0, addressOf(pair)))
    this.laneFd = pair[0] as number
    this.#fd = pair[1] as number
  }

  give(packet: Uint8Array): void {
    checked('write', write(this.#fd, addressOf(packet), packet.length))
  }

  tryTake(): Uint8Array | undefined {
    const length = read(this.#fd, addressOf(this.#buffer), this.#buffer.length)
    if (length < 0 && errnoCode() !== 'EAGAIN') throw new Error(`read: ${errnoCode()}`)
    return length > 0 ? this.#buffer.slice(0, length) : undefined
  }

  take(): Promise<Uint8Array> {
    return until('a packet at the port', () => this.tryTake())
  }

  /** Closes the test's end; the lane's is the lane's. */
  close(): void {
    closeDescriptor(this.#fd)
  }
}
