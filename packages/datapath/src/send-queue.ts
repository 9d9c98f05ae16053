/** Room for the sealed datagrams of a few full reads. */
export const SEND_QUEUE_BYTES = 256 * 1024
/** Linux: UDP_MAX_SEGMENTS was 64 until 6.9. */
const MAX_DATAGRAMS = 64
/** The longest payload of one UDP datagram by IPv4, and so of a run that is sent as one. */
const MAX_RUN_BYTES = 65_507
const MAX_RUNS = 64
/** Where a run begins: what is sealed and summed there is read word by word. */
const ALIGNMENT = 8

/** Sealed datagrams that wait to be sent, as runs: of one peer, back to back, all as long as the first, the last perhaps shorter. */
export interface SealedRuns {
  readonly count: number
  peer(run: number): number
  offset(run: number): number
  /** Of all its datagrams. */
  bytes(run: number): number
  /** Of each datagram but the last. */
  stride(run: number): number
}

/** Where outgoing packets are put and sealed. Its owner empties it when nothing more is at hand, or when it is full. */
export class SendQueue implements SealedRuns {
  readonly #start: number
  readonly #end: number
  readonly #peers = new Int32Array(MAX_RUNS)
  readonly #offsets = new Int32Array(MAX_RUNS)
  readonly #bytes = new Int32Array(MAX_RUNS)
  readonly #strides = new Int32Array(MAX_RUNS)
  #count = 0
  #used: number
  /** The last run can grow by datagrams of at most its stride. */
  #isOpen = false
  #datagrams = 0

  /** Over `SEND_QUEUE_BYTES` of memory from `start` on, a multiple of 8. */
  constructor(start: number) {
    this.#start = start
    this.#end = start + SEND_QUEUE_BYTES
    this.#used = start
  }

  get count(): number {
    return this.#count
  }

  peer(run: number): number {
    return this.#peers[run] as number
  }

  offset(run: number): number {
    return this.#offsets[run] as number
  }

  bytes(run: number): number {
    return this.#bytes[run] as number
  }

  stride(run: number): number {
    return this.#strides[run] as number
  }

  /** Datagrams in a run. */
  datagrams(run: number): number {
    return Math.ceil(this.bytes(run) / this.stride(run))
  }

  /** Where the next datagram of that peer and length goes; -1 where there is no room until the queue is emptied. */
  reserve(peer: number, bytes: number): number {
    if (this.#canGrow(peer, bytes)) return this.#used
    const at = (this.#used + ALIGNMENT - 1) & ~(ALIGNMENT - 1)
    return this.#count === MAX_RUNS || at + bytes > this.#end ? -1 : at
  }

  /** The datagram was written to where `reserve` said. */
  push(peer: number, bytes: number): void {
    const at = this.reserve(peer, bytes)
    if (!this.#canGrow(peer, bytes)) {
      const run = this.#count++
      this.#peers[run] = peer
      this.#offsets[run] = at
      this.#bytes[run] = 0
      this.#strides[run] = bytes
      this.#datagrams = 0
    }
    const run = this.#count - 1
    this.#bytes[run] = this.bytes(run) + bytes
    this.#datagrams += 1
    this.#isOpen = bytes === this.#strides[run] && this.#datagrams < MAX_DATAGRAMS
    this.#used = at + bytes
  }

  /** Leaves only those runs in it. Nothing more is added to the last of them. */
  keep(isKept: (run: number) => boolean): void {
    let kept = 0
    for (let run = 0; run < this.#count; run++) {
      if (!isKept(run)) continue
      for (const words of [this.#peers, this.#offsets, this.#bytes, this.#strides]) words[kept] = words[run] as number
      kept++
    }
    this.#count = kept
    this.#isOpen = false
  }

  clear(): void {
    this.#count = 0
    this.#used = this.#start
    this.#isOpen = false
  }

  #canGrow(peer: number, bytes: number): boolean {
    if (!this.#isOpen) return false
    const run = this.#count - 1
    return (
      this.#peers[run] === peer &&
      bytes <= this.stride(run) &&
      this.bytes(run) + bytes <= MAX_RUN_BYTES &&
      this.#used + bytes <= this.#end
    )
  }
}
