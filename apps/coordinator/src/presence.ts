import type { NodeId } from '@weft/keys'
import type { DeviceRow, StoreTransaction } from '@weft/storage'

/**
 * Who is online: a device is while it has a channel that wants its netmap. What changes while the last change is being
 * written is written together, so a thousand devices that come back at once cost a few transactions.
 */
export class Presence {
  readonly #write: (online: ReadonlyMap<NodeId, boolean>) => Promise<void>
  readonly #channels = new Map<NodeId, number>()
  #pending = new Map<NodeId, boolean>()
  #writing: Promise<void> | undefined
  readonly #expected = new Set<NodeId>()
  #isFrozen = false

  /** @param write must not throw away what it was given: where it fails, the same is asked again with the next change. */
  constructor(write: (online: ReadonlyMap<NodeId, boolean>) => Promise<void>) {
    this.#write = write
  }

  /** They were online when the coordinator ended: until it is given up, they count as if they had never left. */
  expect(nodes: readonly NodeId[]): void {
    for (const node of nodes) this.#expected.add(node)
  }

  giveUpExpected(): void {
    for (const node of this.#expected) if (!this.#channels.has(node)) this.#change(node, false)
    this.#expected.clear()
  }

  /** The coordinator ends: what closes from now on is not noted. */
  freeze(): void {
    this.#isFrozen = true
  }

  opened(node: NodeId): void {
    const count = (this.#channels.get(node) ?? 0) + 1
    this.#channels.set(node, count)
    if (count === 1) this.#change(node, true)
    this.#expected.delete(node)
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
    if (this.#isFrozen) return
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

/** The devices that are not as they were, all with one number. */
export async function notePresence(
  transaction: StoreTransaction,
  online: ReadonlyMap<NodeId, boolean>,
): Promise<readonly DeviceRow[]> {
  const changed: DeviceRow[] = []
  let number: number | undefined
  for (const [id, isOnline] of online) {
    const device = await transaction.device(id)
    if (device === undefined || device.online === isOnline) continue
    number ??= await transaction.nextNumber()
    await transaction.setOnline(id, isOnline, number)
    changed.push({ ...device, online: isOnline, changed: number })
  }
  return changed
}
