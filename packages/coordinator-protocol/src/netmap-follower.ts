import { assertNever } from '@weft/base'
import { INCOMPLETE, mergeNetmap, type Netmap, type NetmapChange } from './netmap.ts'

export type Followed =
  | { readonly kind: 'netmap'; readonly netmap: Netmap }
  | { readonly kind: 'change'; readonly change: NetmapChange; readonly netmap: Netmap }
  /** More must come first. */
  | { readonly kind: 'nothing' }
  /** A change does not fit: the whole is wanted. */
  | { readonly kind: 'subscribe-anew' }
  /** What comes fits never: the coordinator's fault. */
  | { readonly kind: 'fault' }

type Stage =
  /** Subscribed with what is held: the whole may come, or changes. */
  | { readonly kind: 'following' }
  /** Subscribed without: changes that are still on the way are of the old subscription. */
  | { readonly kind: 'awaiting-whole' }
  | { readonly kind: 'completing'; readonly part: Netmap }

const NOTHING: Followed = { kind: 'nothing' }

/**
 * Keeps the last netmap that was whole: it is replaced by a whole one or by what a change that fits leads to, and by
 * nothing else, so it is never a mixture and never lost.
 */
export class NetmapFollower {
  #held: Netmap | undefined
  #stage: Stage = { kind: 'awaiting-whole' }
  #hasMisfit = false

  constructor(held: Netmap | undefined) {
    this.#held = held
  }

  /** A new channel. What to subscribe with. */
  subscribe(): { readonly epoch?: string; readonly number?: number } {
    this.#hasMisfit = false
    if (this.#held === undefined) {
      this.#stage = { kind: 'awaiting-whole' }
      return {}
    }
    this.#stage = { kind: 'following' }
    return { epoch: this.#held.epoch, number: this.#held.number }
  }

  /** The next subscription is for the whole; what is held stays until that has come. */
  forget(): void {
    this.#stage = { kind: 'awaiting-whole' }
  }

  onNetmap(netmap: Netmap): Followed {
    if (netmap.number === INCOMPLETE) {
      this.#stage = { kind: 'completing', part: netmap }
      return NOTHING
    }
    return this.#takeWhole(netmap)
  }

  onChange(change: NetmapChange): Followed {
    const stage = this.#stage
    switch (stage.kind) {
      case 'awaiting-whole':
        return NOTHING
      case 'following':
        return this.#follow(change)
      case 'completing':
        return this.#complete(stage.part, change)
      default:
        return assertNever(stage)
    }
  }

  #follow(change: NetmapChange): Followed {
    const netmap = this.#held && mergeNetmap(this.#held, change)
    if (netmap === undefined) return this.#onMisfit()
    this.#hasMisfit = false
    this.#held = netmap
    return { kind: 'change', change, netmap }
  }

  #complete(part: Netmap, change: NetmapChange): Followed {
    const netmap = mergeNetmap(part, change)
    if (netmap === undefined) return this.#onMisfit()
    return this.onNetmap(netmap)
  }

  #takeWhole(netmap: Netmap): Followed {
    this.#stage = { kind: 'following' }
    this.#held = netmap
    return { kind: 'netmap', netmap }
  }

  /** A whole netmap is dear: once, and then again only after a change that fitted. */
  #onMisfit(): Followed {
    if (this.#hasMisfit) return { kind: 'fault' }
    this.#hasMisfit = true
    this.#stage = { kind: 'awaiting-whole' }
    return { kind: 'subscribe-anew' }
  }
}
