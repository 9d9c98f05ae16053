import { Arena, bind } from '@weft/native'

const poll = bind('int poll(uintptr_t descriptors, ulong count, int timeout)')

/** `struct pollfd`: descriptor, events wanted, events seen. */
const ENTRY_BYTES = 8
const POLLIN = 1
const POLLERR = 8
const POLLHUP = 16
const POLLNVAL = 32

/** The descriptors that a lane waits for, by their place. */
export class PollSet {
  readonly #entries: Arena
  #count = 0

  constructor(capacity: number) {
    this.#entries = new Arena(capacity * ENTRY_BYTES)
    this.#entries.take(capacity * ENTRY_BYTES)
  }

  /** Replaces what is waited for; no more than the capacity. */
  set(descriptors: readonly number[]): void {
    const { view } = this.#entries
    descriptors.forEach((fd, place) => {
      view.setInt32(place * ENTRY_BYTES, fd, true)
      view.setUint32(place * ENTRY_BYTES + 4, POLLIN, true)
    })
    this.#count = descriptors.length
  }

  /** Waits until something is there to read, at most so many milliseconds. */
  wait(timeout: number): void {
    const { view, base } = this.#entries
    if (poll(base, this.#count, timeout) > 0) return
    for (let place = 0; place < this.#count; place++) view.setUint16(place * ENTRY_BYTES + 6, 0, true)
  }

  isReadable(place: number): boolean {
    return (this.#seen(place) & POLLIN) !== 0
  }

  /** Nothing will ever come again. */
  isBroken(place: number): boolean {
    return (this.#seen(place) & (POLLERR | POLLHUP | POLLNVAL)) !== 0
  }

  #seen(place: number): number {
    return this.#entries.view.getUint16(place * ENTRY_BYTES + 6, true)
  }
}
