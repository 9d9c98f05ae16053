import { concatBytes } from '@weft/base'

const MAX_OWN = 64

/**
 * What waits for one node at a relay: frames by the node they are of, each of whom is served in turn, so that no sender
 * starves another. When it is full, the oldest of whoever has most waiting goes.
 */
export class Outbox {
  readonly #maxBytes: number
  readonly #bySource = new Map<string, { readonly frames: Uint8Array[]; bytes: number }>()
  /** What the relay itself says goes first; there is little of it. */
  readonly #own: Uint8Array[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isEmpty(): boolean {
    return this.#own.length === 0 && this.#bySource.size === 0
  }

  /** Of frames that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Dropped where too much of it waits: it answers what the node itself asks. */
  say(frame: Uint8Array): void {
    if (this.#own.length < MAX_OWN) this.#own.push(frame)
  }

  /** How many older frames had to go for it. */
  push(source: string, frame: Uint8Array): number {
    let queue = this.#bySource.get(source)
    if (queue === undefined) {
      queue = { frames: [], bytes: 0 }
      this.#bySource.set(source, queue)
    }
    queue.frames.push(frame)
    queue.bytes += frame.length
    this.#bytes += frame.length
    let dropped = 0
    while (this.#bytes > this.#maxBytes && this.#dropOldest()) dropped++
    return dropped
  }

  /** Frames for one message of at most so many bytes, one of each source in turn; `undefined` where nothing waits. */
  take(maxBytes: number): Uint8Array | undefined {
    const parts: Uint8Array[] = []
    let bytes = 0
    for (let own = this.#own[0]; own !== undefined && bytes + own.length <= maxBytes; own = this.#own[0]) {
      parts.push(own)
      bytes += own.length
      this.#own.shift()
    }
    for (let isFull = this.#own.length > 0; !isFull && this.#bySource.size > 0; ) {
      const [source, queue] = first(this.#bySource)
      const frame = queue.frames[0]
      isFull = frame === undefined || bytes + frame.length > maxBytes
      if (frame === undefined || isFull) break
      parts.push(frame)
      bytes += frame.length
      this.#remove(queue)
      // Its turn is over.
      if (this.#bySource.delete(source) && queue.frames.length > 0) this.#bySource.set(source, queue)
    }
    return parts.length === 0 ? undefined : concatBytes(...parts)
  }

  #dropOldest(): boolean {
    let most: readonly [string, { readonly frames: Uint8Array[]; bytes: number }] | undefined
    for (const each of this.#bySource) if (most === undefined || each[1].bytes > most[1].bytes) most = each
    if (most === undefined) return false
    this.#remove(most[1])
    if (most[1].frames.length === 0) this.#bySource.delete(most[0])
    return true
  }

  #remove(queue: { readonly frames: Uint8Array[]; bytes: number }): void {
    const frame = queue.frames.shift()
    if (frame === undefined) return
    queue.bytes -= frame.length
    this.#bytes -= frame.length
  }
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] {
  for (const entry of map) return entry
  throw new RangeError('the map is empty')
}
