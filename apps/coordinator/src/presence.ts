import type { NodeId } from '@weft/keys'

/**
 * Who is online: a device is while it has a channel that wants its netmap. What changes while the last change is being
 * written is written together, so a thousand devices that come back at once cost a few transactions.
 */
export class Presence {
  readonly #write: (online: ReadonlyMap<NodeId, boolean>) => Promise<void>
  readonly #channels = new Map<NodeId, number>()
  #pending = new Map<NodeId, boolean>()
  #writing: Promise<void> | undefined

  /** @param write must not throw away what it was given: where it fails, the same is asked again with the next change. */
  constructor(write: (online: ReadonlyMap<NodeId, boolean>) => Promise<void>) {
    this.#write = write
  }

  opened(node: NodeId): void {
    const count = (this.#channels.get(node) ?? 0) + 1
    this.#channels.set(node, count)
    if (count === 1) this.#change(node, true)
  }

  closed(node: NodeId): void {
    const count = (this.#channels.get(node) ?? 0) - 1
    if (count > 0) {
      this.#channels.set(node, count)
      return
    }
    this.#channels.delete(node)
    this.#change(node, false)
  }

  /** Once everything that was asked has been tried. */
  async settled(): Promise<void> {
    await this.#writing
  }

  #change(node: NodeId, online: boolean): void {
    this.#pending.set(node, online)
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = this.#pending
      this.#pending = new Map()
      try {
        await this.#write(batch)
      } catch {
        this.#pending = new Map([...batch, ...this.#pending])
        return
      }
    }
  }
}
