/** Tunnel packets that wait for a session, oldest first. When full, the oldest makes room. */
export class StagedPackets {
  readonly #limit: number
  readonly #packets: Uint8Array[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#packets.length
  }

  /** Copies the packet in. False: the oldest was dropped for it. */
  push(memory: Uint8Array, offset: number, length: number): boolean {
    this.#packets.push(memory.slice(offset, offset + length))
    if (this.#packets.length <= this.#limit) return true
    this.#packets.shift()
    return false
  }

  shift(): Uint8Array | undefined {
    return this.#packets.shift()
  }

  /** How many were dropped. */
  clear(): number {
    return this.#packets.splice(0).length
  }
}
