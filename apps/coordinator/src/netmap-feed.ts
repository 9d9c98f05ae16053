import { assertNever, type Core, type Instant, later, milliseconds, type Now } from '@weft/base'
import type { AccountId, NodeId } from '@weft/keys'
import type { MeshState } from './mesh-state.ts'
import { changeMessages, netmapMessages, touchedSince, withRelays } from './netmap-mapper.ts'

/** Changes are gathered for so long: docs/protocols/channel.md. */
const GATHERING = milliseconds(20)

/** One open channel that wants a netmap. */
export type Subscriber = number

export type FeedInput =
  | {
      readonly kind: 'subscribe'
      readonly subscriber: Subscriber
      readonly node: NodeId
      /** What the node holds already. */
      readonly held: { readonly epoch: string; readonly number: number } | undefined
    }
  | { readonly kind: 'unsubscribe'; readonly subscriber: Subscriber }
  | { readonly kind: 'changed'; readonly state: MeshState; readonly touched: readonly NodeId[] }

export interface FeedOutput {
  readonly kind: 'tell'
  readonly subscriber: Subscriber
  /** JSON. */
  readonly message: string
}

interface Subscription {
  readonly node: NodeId
  readonly account: AccountId | undefined
  /** What the node holds once everything it was sent has arrived. */
  number: number
}

/**
 * Who is told what of the mesh. A subscriber gets its netmap, or what changed since the one it holds; afterwards
 * changes only, gathered from the first one on. A change costs what it touches: subscribers who are told the same
 * share one text, and those who see nothing of it are told nothing and keep their number.
 */
export class NetmapFeed implements Core<FeedInput, FeedOutput> {
  #state: MeshState
  readonly #subscriptions = new Map<Subscriber, Subscription>()
  readonly #touched = new Set<NodeId>()
  #due: Instant | undefined
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
        this.#due ??= later(now.instant, GATHERING)
        return
      default:
        assertNever(input)
    }
  }

  wake(now: Now): void {
    if (this.#due !== undefined && now.instant >= this.#due) this.#flush()
  }

  poll(): FeedOutput | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    return this.#due
  }

  #subscribe({ subscriber, node, held }: Extract<FeedInput, { kind: 'subscribe' }>): void {
    const state = this.#state
    const resumes = held?.epoch === state.epoch && held.number <= state.number
    const messages = resumes
      ? withRelays(changeMessages(state, node, held.number, touchedSince(state, held.number)), state)
      : netmapMessages(state, node)
    this.#subscriptions.set(subscriber, { node, account: state.devices.get(node)?.account, number: state.number })
    for (const message of messages) this.#tell(subscriber, JSON.stringify(message))
  }

  #flush(): void {
    this.#due = undefined
    const touched = Map.groupBy(this.#touched, (id) => this.#state.devices.get(id)?.account)
    const shared = new Map<string, readonly string[]>()
    for (const [subscriber, subscription] of this.#subscriptions) {
      const news = touched.get(subscription.account)?.filter((id) => this.#isNews(id, subscription)) ?? []
      if (news.length === 0) continue
      for (const text of this.#changeTexts(subscription, news, shared)) this.#tell(subscriber, text)
      subscription.number = this.#state.number
    }
    this.#touched.clear()
  }

  /** Who subscribed while a change was gathered was told it already. */
  #isNews(id: NodeId, { node, number }: Subscription): boolean {
    return id !== node && (this.#state.devices.get(id)?.changed ?? 0) > number
  }

  /** All of one account who hold the same number and have not changed themselves are told the same. */
  #changeTexts(
    { node, account, number }: Subscription,
    news: readonly NodeId[],
    shared: Map<string, readonly string[]>,
  ): readonly string[] {
    const key = `${account} ${number} ${this.#touched.has(node) ? node : ''}`
    const texts =
      shared.get(key) ?? changeMessages(this.#state, node, number, news).map((change) => JSON.stringify(change))
    shared.set(key, texts)
    return texts
  }

  #tell(subscriber: Subscriber, message: string): void {
    this.#outputs.push({ kind: 'tell', subscriber, message })
  }
}
