import { addressOf, bind, checked } from './library.ts'

const close = bind('int close(int fd)')
const read = bind('intptr_t read(int fd, uintptr_t buffer, size_t length)')
const write = bind('intptr_t write(int fd, uintptr_t buffer, size_t length)')
const eventfd = bind('int eventfd(uint initial, int flags)')

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000

/** Linux frees the descriptor even where it reports an error, so there is nothing to try again. */
export function closeDescriptor(fd: number): void {
  close(fd)
}

/** An eventfd: wakes another thread out of `poll`. */
export class WakeSignal {
  readonly fd: number
  readonly #word = new Uint8Array(8)
  readonly #address = addressOf(this.#word)

  /** Of a descriptor that another thread opened and owns, or a new one. */
  constructor(fd = checked('eventfd', eventfd(0, EFD_CLOEXEC_NONBLOCK))) {
    this.fd = fd
  }

  ring(): void {
    this.#word.fill(0)
    this.#word[0] = 1
    write(this.fd, this.#address, 8)
  }

  clear(): void {
    read(this.fd, this.#address, 8)
  }

  close(): void {
    close(this.fd)
  }
}
