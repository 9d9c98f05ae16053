import { concatBytes } from '@weft/base'
import { frameEnd } from './frames.ts'

const MAX_OWN = 64
/** What one sender's turn brings where several wait, in bytes: more than any frame. */
const TURN = 16 * 1024

interface Queue {
  /** Each is some whole frames. */
  readonly pieces: Uint8Array[]
  bytes: number
}

/**
 * What waits for one node at a relay: frames by the node they are of, each of whom is served in turn, so that no sender
 * starves another. When it is full, the oldest of whoever has most waiting goes.
 */
export class Outbox {
  readonly #maxBytes: number
  readonly #bySource = new Map<string, Queue>()
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

  /** One frame or several, which are the outbox's from then on; how many older ones had to go for them. */
  push(source: string, frames: Uint8Array): number {
    let queue = this.#bySource.get(source)
    if (queue === undefined) {
      queue = { pieces: [], bytes: 0 }
      this.#bySource.set(source, queue)
    }
    queue.pieces.push(frames)
    queue.bytes += frames.length
    this.#bytes += frames.length
    let dropped = 0
    while (this.#bytes > this.#maxBytes && this.#dropOldest()) dropped++
    return dropped
  }

  /** Frames for one message of at most so many bytes, of each source in turn; `undefined` where nothing waits. */
  take(maxBytes: number): Uint8Array | undefined {
    const parts: Uint8Array[] = []
    let room = maxBytes
    for (let own = this.#own[0]; own !== undefined && own.length <= room; own = this.#own[0]) {
      parts.push(own)
      room -= own.length
      this.#own.shift()
    }
    while (this.#own.length === 0 && this.#bySource.size > 0) {
      const [source, queue] = first(this.#bySource)
      const most = this.#bySource.size === 1 ? room : Math.min(room, TURN)
      const taken = this.#takeFrom(queue, most, parts)
      if (taken === 0) break
      room -= taken
      // Its turn is over.
      this.#bySource.delete(source)
      if (queue.bytes > 0) this.#bySource.set(source, queue)
    }
    return parts.length > 1 ? concatBytes(...parts) : parts[0]
  }

  /** Adds its oldest frames to the parts, as many as fit; how many bytes they are. */
  #takeFrom(queue: Queue, most: number, parts: Uint8Array[]): number {
    let taken = 0
    for (let piece = queue.pieces[0]; piece !== undefined; piece = queue.pieces[0]) {
      const fitting = piece.length <= most - taken ? piece.length : lengthWithin(piece, most - taken)
      if (fitting === 0) break
      parts.push(piece.subarray(0, fitting))
      this.#remove(queue, fitting)
      taken += fitting
    }
    return taken
  }

  #dropOldest(): boolean {
    let most: readonly [string, Queue] | undefined
    for (const each of this.#bySource) if (most === undefined || each[1].bytes > most[1].bytes) most = each
    const oldest = most?.[1].pieces[0]
    if (most === undefined || oldest === undefined) return false
    this.#remove(most[1], frameEnd(oldest, 0))
    if (most[1].bytes === 0) this.#bySource.delete(most[0])
    return true
  }

  /** So many bytes of its oldest piece. */
  #remove(queue: Queue, bytes: number): void {
    const [piece] = queue.pieces
    if (piece === undefined) return
    if (bytes < piece.length) queue.pieces[0] = piece.subarray(bytes)
    else queue.pieces.shift()
    queue.bytes -= bytes
    this.#bytes -= bytes
  }
}

/** Of the whole frames that are so many bytes at most. */
function lengthWithin(frames: Uint8Array, most: number): number {
  let length = 0
  for (let end = frameEnd(frames, 0); end <= most; end = frameEnd(frames, end)) length = end
  return length
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] {
  for (const entry of map) return entry
  throw new RangeError('the map is empty')
}
