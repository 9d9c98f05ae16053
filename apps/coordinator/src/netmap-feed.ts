import { assertNever, type Core, type Instant, later, milliseconds, type Now } from '@weft/base'
import { INCOMPLETE, type Netmap, type NetmapChange, REVOCATIONS_SINCE } from '@weft/coordinator-protocol'
import type { AccountId, NodeId } from '@weft/keys'
import { type Held, hasGivenOut, type MeshState, revocationsSince } from './mesh-state.ts'
import { changeMessages, netmapMessages, touchedSince, withWhatIsUnnumbered } from './netmap-mapper.ts'

/** Changes are gathered for so long: docs/protocols/channel.md. */
const GATHERING = milliseconds(20)
/** Between two tellings, for each subscriber, in ms: a message costs some 0.05, so that a stream of changes leaves room for the rest. */
const SPACING_EACH = 0.2

/** One open channel that wants a netmap. */
export type Subscriber = number

export type FeedInput =
  | {
      readonly kind: 'subscribe'
      readonly subscriber: Subscriber
      readonly node: NodeId
      /** What the node holds already. */
      readonly held: Held | undefined
      /** Of its channel. */
      readonly version: number
    }
  | { readonly kind: 'unsubscribe'; readonly subscriber: Subscriber }
  | {
      readonly kind: 'changed'
      readonly state: MeshState
      readonly touched: readonly NodeId[]
      readonly removed?: readonly RemovedDevice[]
      readonly hasNewRecords?: boolean
      readonly hasNewRelays?: boolean
    }

/** Who is no more, and whose it was: the state does not hold it any more. */
interface RemovedDevice {
  readonly id: NodeId
  readonly account: AccountId
}

export interface FeedOutput {
  readonly kind: 'tell'
  readonly subscribers: readonly Subscriber[]
  /** Of their channels. */
  readonly version: number
  readonly message: Netmap | NetmapChange
}

interface Subscription {
  readonly node: NodeId
  readonly account: AccountId | undefined
  readonly version: number
  /** What the node holds once everything it was sent has arrived. */
  number: number
}

/** What several are told alike, one message after the other. */
interface SharedTelling {
  readonly subscribers: Subscriber[]
  readonly version: number
  readonly messages: readonly NetmapChange[]
}

/**
 * Who is told what of the mesh. A subscriber gets its netmap, or what changed since the one it holds; afterwards
 * changes only, gathered from the first one on. A change costs what it touches: subscribers who are told the same
 * share one message, and those who see nothing of it are told nothing and keep their number.
 */
export class NetmapFeed implements Core<FeedInput, FeedOutput> {
  #state: MeshState
  readonly #subscriptions = new Map<Subscriber, Subscription>()
  readonly #touched = new Set<NodeId>()
  readonly #removed = new Map<NodeId, AccountId>()
  #hasNewRecords = false
  #hasNewRelays = false
  #due: Instant | undefined
  #notBefore: Instant | undefined
  readonly #outputs: FeedOutput[] = []

  constructor(state: MeshState) {
    this.#state = state
  }

  handle(input: FeedInput, now: Now): void {
    switch (input.kind) {
      case 'subscribe':
        this.#subscribe(input)
        return
      case 'unsubscribe':
        this.#subscriptions.delete(input.subscriber)
        return
      case 'changed':
        this.#state = input.state
        for (const id of input.touched) this.#touched.add(id)
        for (const { id, account } of input.removed ?? []) this.#removed.set(id, account)
        this.#hasNewRecords ||= input.hasNewRecords ?? false
        this.#hasNewRelays ||= input.hasNewRelays ?? false
        this.#due ??= latest(later(now.instant, GATHERING), this.#notBefore)
        return
      default:
        assertNever(input)
    }
  }

  wake(now: Now): void {
    if (this.#due === undefined || now.instant < this.#due) return
    this.#flush()
    this.#notBefore = later(now.instant, milliseconds(SPACING_EACH * this.#subscriptions.size))
  }

  poll(): FeedOutput | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return this.#due
  }

  #subscribe({ subscriber, node, held, version }: Extract<FeedInput, { kind: 'subscribe' }>): void {
    const state = this.#state
    // It was removed while it was being admitted; its channel is closed.
    if (!state.devices.has(node)) return
    const messages =
      held !== undefined && this.#mayResume(held, version)
        ? withWhatIsUnnumbered(
            changeMessages(
              state,
              node,
              held,
              touchedSince(state, held.number),
              revokedSince(state, { ...held, version }),
            ),
            state,
          )
        : netmapMessages(state, node, revokedSince(state, { number: INCOMPLETE, version }).revocations)
    const { account } = state.devices.get(node) ?? {}
    this.#subscriptions.set(subscriber, { node, account, version, number: state.number })
    for (const message of messages) this.#tell([subscriber], version, message)
  }

  /**
   * Whether it may be told what changed since. A node of version 1 may be one of before there were relays and records,
   * which a change names also where there are none: then it is told the whole, which does not.
   */
  #mayResume(held: Held, version: number): boolean {
    const { wholeSince, relays, records } = this.#state
    const knowsAll = version >= REVOCATIONS_SINCE || relays.length > 0 || records.length > 0
    return knowsAll && hasGivenOut(this.#state, held) && held.number >= wholeSince
  }

  #flush(): void {
    this.#due = undefined
    const touched = Map.groupBy(this.#touched, (id) => this.#state.devices.get(id)?.account)
    const shared = new Map<string, SharedTelling>()
    for (const [subscriber, subscription] of this.#subscriptions) {
      if (!this.#state.devices.has(subscription.node)) continue
      const news = touched.get(subscription.account)?.filter((id) => this.#isNews(id, subscription)) ?? []
      const remove = this.#removedFor(subscription)
      if (news.length === 0 && remove.length === 0 && !this.#concerns(subscription)) continue
      this.#telling(subscription, { news, remove }, shared).subscribers.push(subscriber)
      subscription.number = this.#state.number
    }
    for (const { subscribers, version, messages } of shared.values())
      for (const message of messages) this.#tell(subscribers, version, message)
    this.#touched.clear()
    this.#removed.clear()
    this.#hasNewRecords = false
    this.#hasNewRelays = false
  }

  /** Who subscribed while a change was gathered was told it already. */
  #isNews(id: NodeId, { node, number }: Subscription): boolean {
    return id !== node && (this.#state.devices.get(id)?.changed ?? 0) > number
  }

  #removedFor({ account, number }: Subscription): readonly NodeId[] {
    if (number >= this.#state.wholeSince) return []
    return [...this.#removed].flatMap(([id, owner]) => (owner === account && !this.#state.devices.has(id) ? [id] : []))
  }

  /** Besides what there is of peers. */
  #concerns(subscription: Subscription): boolean {
    const { node, number } = subscription
    if ((revokedSince(this.#state, subscription).revocations ?? []).length > 0) return true
    return this.#hasNewRecords || this.#hasNewRelays || (this.#state.devices.get(node)?.selfChanged ?? 0) > number
  }

  /** All of one account and version who hold the same number and have not changed themselves are told the same. */
  #telling(
    { node, account, version, number }: Subscription,
    { news, remove }: { readonly news: readonly NodeId[]; readonly remove: readonly NodeId[] },
    shared: Map<string, SharedTelling>,
  ): SharedTelling {
    const key = `${account} ${version} ${number} ${this.#touched.has(node) ? node : ''}`
    const known = shared.get(key)
    if (known !== undefined) return known
    const records = this.#hasNewRecords ? { records: this.#state.records } : {}
    const relays = this.#hasNewRelays ? { relays: this.#state.relays } : {}
    const more = { ...records, ...relays, ...revokedSince(this.#state, { number, version }), remove }
    const held = { epoch: this.#state.epoch, number }
    const telling = { subscribers: [], version, messages: changeMessages(this.#state, node, held, news, more) }
    shared.set(key, telling)
    return telling
  }

  #tell(subscribers: readonly Subscriber[], version: number, message: Netmap | NetmapChange): void {
    this.#outputs.push({ kind: 'tell', subscribers, version, message })
  }
}

/** What became known after the number; nothing where the node knows nothing of revocations. */
function revokedSince(
  state: MeshState,
  { number, version }: { readonly number: number; readonly version: number },
): { readonly revocations?: readonly string[] } {
  if (version < REVOCATIONS_SINCE) return {}
  return { revocations: revocationsSince(state, number).map(({ text }) => text) }
}

const latest = (a: Instant, b: Instant | undefined): Instant => (b !== undefined && b > a ? b : a)
