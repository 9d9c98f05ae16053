import { assertNever, type Instant, invariant, later, seconds } from '@weft/base'
import type { NodeId } from '@weft/keys'
import { REVOCATIONS_SINCE } from './channel-stream.ts'
import type { ClientOutput } from './client-interface.ts'
import { type FromCoordinator, MAX_REVOCATIONS_AT_ONCE, type Method, type Params } from './messages.ts'
import type { Netmap, NetmapChange } from './netmap.ts'
import { type Followed, NetmapFollower } from './netmap-follower.ts'

const ANSWER_TIMEOUT = seconds(10)

/** What the subscription wants next. */
export type SubscriptionStep =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'tell'; readonly output: ClientOutput }
  | Ask
  /** The channel is of no use; `reason` is for people. */
  | { readonly kind: 'fault'; readonly reason: string }

/** A request to be sent, of which `sent` is told the number. */
type Ask = AskOf<'subscribe' | 'bring-back' | 'revoke'>
type AskOf<M extends Method> = M extends Method
  ? { readonly kind: 'ask'; readonly method: M; readonly params: Params<M> }
  : never

type Answer = Extract<FromCoordinator, { readonly type: 'answer' }>

/** What a node can show of itself to a coordinator that has lost it: base64. */
export interface OwnProof {
  readonly record: string
  readonly chain: string
}

const NOTHING: SubscriptionStep = { kind: 'nothing' }

/**
 * A node's wish to be told its netmap, over any number of channels. It subscribes with what it holds. A coordinator
 * whose database is an older copy does not know the device, or not what it holds: then the node brings back what it
 * knows of itself and of what was revoked, once on each channel, and subscribes for the whole.
 */
export class NetmapSubscription {
  readonly #node: NodeId
  readonly #proof: OwnProof | undefined
  readonly #follower: NetmapFollower
  #held: Netmap | undefined
  #pending: { readonly id: number; readonly method: Ask['method']; readonly deadline: Instant } | undefined
  #hasBroughtBack = false
  #version = 0
  /** What is still to be brought back; `undefined` until there is an older copy on this channel. */
  #toBringBack: string[] | undefined

  constructor(options: { readonly node: NodeId; readonly held?: Netmap; readonly proof?: OwnProof }) {
    this.#node = options.node
    this.#proof = options.proof
    this.#held = options.held
    this.#follower = new NetmapFollower(options.held)
  }

  /** When an answer is late. */
  get deadline(): Instant | undefined {
    return this.#pending?.deadline
  }

  /** On a new channel, of that version. */
  begin(version: number): SubscriptionStep {
    this.#hasBroughtBack = false
    this.#toBringBack = undefined
    this.#version = version
    const held = this.#follower.subscribe()
    // A netmap of version 1 does not tell what was revoked, and changes since then would not either.
    const lacksRevocations = version >= REVOCATIONS_SINCE && this.#held?.revocations === undefined
    return lacksRevocations ? this.#subscribeForWhole() : this.#subscribe(held)
  }

  sent({ method }: Ask, id: number, now: Instant): void {
    this.#pending = { id, method, deadline: later(now, ANSWER_TIMEOUT) }
  }

  /** The channel is gone. */
  lost(): void {
    this.#pending = undefined
  }

  asked(id: number): boolean {
    return this.#pending?.id === id
  }

  /** To what was asked last. */
  onAnswer(answer: Answer): SubscriptionStep {
    const method = this.#pending?.method
    this.#pending = undefined
    if (!('error' in answer)) return method === 'subscribe' ? NOTHING : this.#bringBackRevocations()
    const { code, message } = answer.error
    // What could not be handed over now, another node will, or this one on its next channel.
    if (method === 'revoke') return this.#subscribeForWhole()
    const isLost = code === 'not-registered' || code === 'database-older'
    if (method === 'subscribe' && isLost && this.#mayBringBack()) return this.#bringBack()
    return code === 'database-older' ? this.#bringBackRevocations() : { kind: 'fault', reason: message }
  }

  onNetmap(netmap: Netmap): SubscriptionStep {
    return this.#step(this.#follower.onNetmap(netmap))
  }

  onChange(change: NetmapChange): SubscriptionStep {
    return this.#step(this.#follower.onChange(change))
  }

  #step(followed: Followed): SubscriptionStep {
    switch (followed.kind) {
      case 'nothing':
        return NOTHING
      case 'netmap':
      case 'change':
        this.#held = followed.netmap
        return { kind: 'tell', output: followed }
      case 'subscribe-anew':
        return this.#subscribe({})
      case 'fault':
        return {
          kind: 'fault',
          reason: "the coordinator's changes do not fit its netmap: update it, or restart it",
        }
      default:
        return assertNever(followed)
    }
  }

  #subscribe(held: { readonly epoch?: string; readonly number?: number }): SubscriptionStep {
    return { kind: 'ask', method: 'subscribe', params: { node: this.#node, ...held } }
  }

  #subscribeForWhole(): SubscriptionStep {
    this.#follower.forget()
    return this.#subscribe({})
  }

  #bringBackRevocations(): SubscriptionStep {
    this.#toBringBack ??= this.#version < REVOCATIONS_SINCE ? [] : [...(this.#held?.revocations ?? [])]
    const revocations = this.#toBringBack.splice(0, MAX_REVOCATIONS_AT_ONCE)
    if (revocations.length === 0) return this.#subscribeForWhole()
    return { kind: 'ask', method: 'revoke', params: { revocations } }
  }

  #mayBringBack(): boolean {
    return this.#held !== undefined && this.#proof !== undefined && !this.#hasBroughtBack
  }

  #bringBack(): SubscriptionStep {
    invariant(this.#held !== undefined && this.#proof !== undefined, 'there is something to bring back')
    this.#hasBroughtBack = true
    const { name, address4 } = this.#held.self
    const params = { ...this.#proof, name, address4 }
    return { kind: 'ask', method: 'bring-back', params }
  }
}
