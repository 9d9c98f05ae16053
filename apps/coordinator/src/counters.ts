/** What strangers send, and what was done without because of it. */
export type StrangerEvent =
  | 'http-malformed'
  | 'upgrade-refused'
  | 'too-many-connections'
  | 'handshake-failed'
  | 'handshake-timeout'
  | 'frame-malformed'
  | 'frame-oversize'
  | 'frame-unopened'
  | 'message-malformed'
  | 'too-many-frames'
  | 'too-many-requests'
  | 'never-registered'
  | 'silent'
  | 'backlog'

export class Counters {
  readonly #counts = new Map<StrangerEvent, number>()

  count(event: StrangerEvent): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1)
  }

  /** Since the start; those that never happened are left out. */
  read(): Readonly<Partial<Record<StrangerEvent, number>>> {
    return Object.fromEntries(this.#counts)
  }
}
