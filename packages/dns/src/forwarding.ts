import { earliest, type Instant, later, type Now, type Random, randomUint32, seconds } from '@weft/base'
import { AnswerCache } from './cache.ts'
import { FLAG, RCODE } from './constants.ts'
import { encodeQuery, type Query, readUpstreamAnswer } from './query.ts'
import type { UpstreamResolver } from './resolver-setup.ts'

/** Questions on their way to other resolvers at a time. */
export const MAX_IN_FLIGHT = 256
/** Who waits for one of them; more are refused. */
const MAX_WAITING = 64
/** From a question to the next try; so many tries are made, over all resolvers. */
const TRY_TIMEOUT = seconds(2)
const MAX_TRIES = 4
/** What another resolver may know better. */
const RETRIED: ReadonlySet<number> = new Set([RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED])

export type Transport = 'udp' | 'tcp'

export type ForwardingOutput =
  /** Ask that resolver; each with a number of its own. Answered by `onAnswer`, `onFailed`, or not at all. */
  | {
      readonly kind: 'ask'
      readonly ask: number
      readonly upstream: UpstreamResolver
      readonly transport: Transport
      readonly message: Uint8Array
    }
  /** Its answer is not waited for any more. */
  | { readonly kind: 'forget'; readonly ask: number }

/** The whole message, or `undefined` where nobody answered. */
type Done = (message: Uint8Array | undefined) => void

interface InFlight {
  readonly key: string
  readonly query: Query
  readonly transport: Transport
  readonly waiting: Done[]
  ask: number
  id: number
  tries: number
  upstream: number
  deadline: Instant
}

/**
 * Questions that are not the mesh's: each goes to the resolvers one after the other until one answers, the one that answered
 * last first. The same question is on its way once, whoever asks it: so a resolver that asks us what we ask it ends in a
 * timeout, and not in a storm.
 */
export class Forwarding {
  readonly #emit: (output: ForwardingOutput) => void
  readonly #random: Random
  readonly #cache = new AnswerCache()
  readonly #byAsk = new Map<number, InFlight>()
  readonly #byKey = new Map<string, InFlight>()
  #upstreams: readonly UpstreamResolver[] = []
  #preferred = 0
  #nextAsk = 1

  constructor(emit: (output: ForwardingOutput) => void, random: Random) {
    this.#emit = emit
    this.#random = random
  }

  get hasUpstreams(): boolean {
    return this.#upstreams.length > 0
  }

  /** What was learned from others before is forgotten: they may have known other names. */
  setUpstreams(upstreams: readonly UpstreamResolver[]): void {
    this.#upstreams = upstreams
    this.#preferred = 0
    this.#cache.clear()
    for (const question of [...this.#byKey.values()]) this.#giveUp(question)
  }

  ask(query: Query, transport: Transport, done: Done, now: Now): void {
    const key = keyOf(query, transport)
    const known = this.#cache.get(key, now.instant)
    if (known !== undefined) {
      done(known)
      return
    }
    const underWay = this.#byKey.get(key)
    if (underWay !== undefined) {
      if (underWay.waiting.length < MAX_WAITING) underWay.waiting.push(done)
      else done(undefined)
      return
    }
    if (this.#byKey.size >= MAX_IN_FLIGHT || !this.hasUpstreams) {
      done(undefined)
      return
    }
    const question: InFlight = {
      key,
      query,
      transport,
      waiting: [done],
      ask: 0,
      id: 0,
      tries: 0,
      upstream: this.#preferred,
      deadline: now.instant,
    }
    this.#byKey.set(key, question)
    this.#try(question, now)
  }

  onAnswer(ask: number, message: Uint8Array, now: Now): void {
    const question = this.#byAsk.get(ask)
    if (question === undefined) return
    const answer = readUpstreamAnswer(message, question.query, question.id)
    // Not what was asked for: the right answer may still come.
    if (answer === undefined) return
    if (RETRIED.has(answer.rcode) && this.#mayTryAgain(question)) {
      this.#tryNext(question, now)
      return
    }
    this.#preferred = question.upstream
    this.#cache.put(question.key, message, answer, now.instant)
    this.#finish(question, message)
  }

  onFailed(ask: number, now: Now): void {
    const question = this.#byAsk.get(ask)
    if (question !== undefined) this.#tryNext(question, now)
  }

  wake(now: Now): void {
    for (const question of [...this.#byKey.values()]) if (question.deadline <= now.instant) this.#tryNext(question, now)
  }

  nextTimeout(): Instant | undefined {
    return earliest(...[...this.#byKey.values()].map(({ deadline }) => deadline))
  }

  #tryNext(question: InFlight, now: Now): void {
    this.#forget(question)
    if (question.tries >= MAX_TRIES) {
      this.#giveUp(question)
      return
    }
    question.upstream = (question.upstream + 1) % this.#upstreams.length
    this.#try(question, now)
  }

  #try(question: InFlight, now: Now): void {
    const upstream = this.#upstreams[question.upstream]
    if (upstream === undefined) {
      this.#giveUp(question)
      return
    }
    question.ask = this.#nextAsk++
    question.id = randomUint32(this.#random) & 0xffff
    question.tries += 1
    question.deadline = later(now.instant, TRY_TIMEOUT)
    this.#byAsk.set(question.ask, question)
    const message = encodeQuery(question.query, question.id)
    this.#emit({ kind: 'ask', ask: question.ask, upstream, transport: question.transport, message })
  }

  #mayTryAgain(question: InFlight): boolean {
    return question.tries < Math.min(MAX_TRIES, this.#upstreams.length)
  }

  #giveUp(question: InFlight): void {
    this.#finish(question, undefined)
  }

  #finish(question: InFlight, message: Uint8Array | undefined): void {
    this.#forget(question)
    this.#byKey.delete(question.key)
    for (const done of question.waiting) done(message)
  }

  #forget(question: InFlight): void {
    if (this.#byAsk.delete(question.ask)) this.#emit({ kind: 'forget', ask: question.ask })
  }
}

/** What makes a difference to the answer. */
function keyOf({ labels, type, class: recordClass, flags, edns, question }: Query, transport: Transport): string {
  const options = edns === undefined ? 'plain' : edns.isDnssecOk ? 'dnssec' : 'edns'
  // The letters as they came: an answer gives them back.
  const letters = String.fromCharCode(...question)
  return `${labels.length} ${type} ${recordClass} ${flags & (FLAG.AD | FLAG.CD)} ${options} ${transport} ${letters}`
}
