import {
  between,
  type Endpoint,
  earliest,
  endpointParts,
  familyOf,
  type Instant,
  type IpAddress,
  later,
  type Random,
  seconds,
} from '@weft/base'
import { isBelievable } from './address-class.ts'
import { createStunRequest, readStunAnswer, type StunTransaction } from './stun.ts'

/** Questions are asked again so often after so many ms, and answers later than the last are of no use. */
const ASK_AGAIN = [0, 250, 750, 1_500]
const OVER_AFTER = seconds(3)
/** What is known is fresh for so long: NATs forget a mapping after 30 s at the earliest. */
const FRESH_FOR = seconds(20)
const MAX_SERVERS = 16
const MAX_OBSERVERS = 4

/**
 * What stands between this node and the internet, as two or more answers tell: `none`, a NAT that gives a socket one
 * outside endpoint (`easy`), or one for each destination (`hard`); `unknown` with one answer only, `blocked` with none.
 */
export type NatMapping = 'none' | 'easy' | 'hard' | 'unknown' | 'blocked'

export interface ReflexiveOptions {
  readonly random: Random
  send(server: Endpoint, datagram: Uint8Array): void
  /** Whether the machine has the address itself. */
  isLocal(address: IpAddress): boolean
}

interface Question {
  readonly server: Endpoint
  readonly sent: Instant
}

/** How this node looks from outside, asked of STUN servers on the tunnel's own sockets: only when somebody wants to know. */
export class Reflexive {
  readonly #options: ReflexiveOptions
  readonly #questions = new Map<StunTransaction, Question>()
  /** By server, those of the last time that answered. */
  #answers = new Map<Endpoint, Endpoint>()
  /** By peers, where no server answers: those that said it last. */
  #observed: readonly { readonly by: Endpoint; readonly mapped: Endpoint }[] = []
  #servers: readonly Endpoint[] = []
  #begun: Instant | undefined
  #attempt = 0
  #told = ''

  constructor(options: ReflexiveOptions) {
    this.#options = options
  }

  /** Nothing more is waited for. */
  get isSettled(): boolean {
    return this.#questions.size === 0
  }

  setServers(servers: readonly Endpoint[], now: Instant): void {
    const wanted = [...new Set(servers)].slice(0, MAX_SERVERS)
    if (wanted.join() === this.#servers.join()) return
    this.#servers = wanted
    this.ask(now)
  }

  /** Asks all servers anew. */
  ask(now: Instant): void {
    this.#observed = []
    if (this.#servers.length === 0) return
    this.#begun = now
    this.#attempt = 0
    this.#questions.clear()
    this.#answers = new Map()
    this.#askUnanswered(now)
  }

  /** Asks, unless what is known is fresh. */
  refresh(now: Instant): void {
    if (this.#begun === undefined || between(this.#begun, now) >= FRESH_FOR) this.ask(now)
  }

  /** Whether the datagram was an answer; `changed`: and this node looks otherwise than before. */
  onDatagram(datagram: Uint8Array, from: Endpoint): 'changed' | 'same' | 'unasked' {
    const answer = readStunAnswer(datagram)
    const question = answer && this.#questions.get(answer.transaction)
    if (answer === undefined || question === undefined || question.server !== from) return 'unasked'
    this.#questions.delete(answer.transaction)
    const mapped = endpointParts(answer.mapped).address
    if (!isBelievable(mapped, endpointParts(from).address)) return 'unasked'
    this.#answers.set(from, answer.mapped)
    const told = this.endpoints().join()
    const isChanged = told !== this.#told
    this.#told = told
    return isChanged ? 'changed' : 'same'
  }

  /** A peer tells as whom it hears this node, which counts as long as no server tells. True where that is news. */
  onObserved(mapped: Endpoint, by: Endpoint): boolean {
    if (!isBelievable(endpointParts(mapped).address, endpointParts(by).address)) return false
    const before = this.endpoints().join()
    this.#observed = [{ by, mapped }, ...this.#observed.filter((each) => each.by !== by)].slice(0, MAX_OBSERVERS)
    return before !== this.endpoints().join()
  }

  /** As which this node is seen, without what it has itself. */
  endpoints(): readonly Endpoint[] {
    const told = this.#answers.size > 0 ? [...this.#answers.values()] : this.#observed.map(({ mapped }) => mapped)
    const seen = [...new Set(told)]
    return seen.filter((endpoint) => !this.#options.isLocal(endpointParts(endpoint).address)).sort()
  }

  /** Those that stay the same for everybody, and so can be told to many. */
  stableEndpoints(): readonly Endpoint[] {
    return this.endpoints().filter((endpoint) => this.mapping(familyOf(endpointParts(endpoint).address)) !== 'hard')
  }

  mapping(family: 4 | 6): NatMapping {
    const ofFamily = (endpoint: Endpoint) => familyOf(endpointParts(endpoint).address) === family
    const asked = this.#servers.filter(ofFamily)
    const seen = [...this.#answers].filter(([server]) => ofFamily(server)).map(([, mapped]) => mapped)
    if (seen.length === 0) return asked.length === 0 || this.#questions.size > 0 ? 'unknown' : 'blocked'
    if (seen.every((endpoint) => this.#options.isLocal(endpointParts(endpoint).address))) return 'none'
    if (new Set(seen).size > 1) return 'hard'
    return seen.length > 1 ? 'easy' : 'unknown'
  }

  wake(now: Instant): void {
    if (this.#begun === undefined || this.#questions.size === 0) return
    if (between(this.#begun, now) >= OVER_AFTER) this.#questions.clear()
    else if (this.#askAt(this.#begun) <= now) this.#askUnanswered(now)
  }

  nextTimeout(): Instant | undefined {
    if (this.#begun === undefined || this.#questions.size === 0) return undefined
    return earliest(this.#askAt(this.#begun), later(this.#begun, OVER_AFTER))
  }

  #askAt(begun: Instant): Instant {
    const after = ASK_AGAIN[this.#attempt]
    return after === undefined ? later(begun, OVER_AFTER) : ((begun + after) as Instant)
  }

  #askUnanswered(now: Instant): void {
    this.#attempt++
    for (const server of this.#servers) {
      if (this.#answers.has(server)) continue
      const { transaction, datagram } = createStunRequest(this.#options.random)
      this.#questions.set(transaction, { server, sent: now })
      this.#options.send(server, datagram)
    }
  }
}
