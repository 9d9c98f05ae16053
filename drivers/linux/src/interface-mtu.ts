import { addressOf, bind, checked, closeDescriptor } from '@weft/native'

const socket = bind('int socket(int family, int type, int protocol)')
const ioctl = bind('int ioctl(int fd, ulong request, uintptr_t argument)')

const AF_INET = 2
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const SIOCGIFMTU = 0x8921
/** `struct ifreq`: the name with a zero behind, then the answer. */
const IFREQ_BYTES = 40
const NAME_BYTES = 16

/** An interface's MTU, to be looked at again and again: one system call each. */
export class InterfaceMtu {
  readonly #request = new Uint8Array(IFREQ_BYTES)
  readonly #view = new DataView(this.#request.buffer)
  readonly #fd: number

  constructor(name: string) {
    new TextEncoder().encodeInto(name, this.#request.subarray(0, NAME_BYTES - 1))
    this.#fd = checked('socket', socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0))
  }

  /** In bytes; `undefined` where the interface is not in this namespace. */
  read(): number | undefined {
    if (ioctl(this.#fd, SIOCGIFMTU, addressOf(this.#request)) < 0) return undefined
    return this.#view.getInt32(NAME_BYTES, true)
  }

  close(): void {
    closeDescriptor(this.#fd)
  }
}
