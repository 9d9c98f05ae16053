import type { Endpoint, Instant } from '@weft/base'
import type { DirectPath } from '@weft/datapath'
import { Candidate } from './candidate.ts'

const MAX_CANDIDATES = 72
const MAX_OBSERVED = 8

/** The direct ways that may lead to one peer: where the coordinator and its last call say it is, and where it was heard. */
export class Candidates implements Iterable<Candidate> {
  readonly #pathTo: (endpoint: Endpoint) => DirectPath | undefined
  readonly #byKey = new Map<string, Candidate>()
  #told: readonly Endpoint[] = []
  #named: readonly Endpoint[] = []
  #observed: readonly Endpoint[] = []
  /** In use; it stays among them, whoever forgets it. */
  current: Candidate | undefined

  constructor(pathTo: (endpoint: Endpoint) => DirectPath | undefined) {
    this.#pathTo = pathTo
  }

  [Symbol.iterator](): Iterator<Candidate> {
    return this.#byKey.values()
  }

  /** By the coordinator. */
  setTold(endpoints: readonly Endpoint[]): void {
    const left = this.current?.path.remote
    // Where the peer is said to be no more, it has to show that it still is.
    if (left !== undefined && this.#told.includes(left) && !endpoints.includes(left)) this.current?.forgetProof()
    this.#told = endpoints
    this.find()
  }

  /** By the peer itself. */
  setNamed(endpoints: readonly Endpoint[]): void {
    this.#named = endpoints
    this.find()
  }

  /** Where the peer was heard, whoever told of it. */
  at(path: DirectPath): Candidate | undefined {
    if (!this.#byKey.has(keyOf(path))) {
      this.#observed = [path.remote, ...this.#observed].slice(0, MAX_OBSERVED)
      this.find()
    }
    return this.#byKey.get(keyOf(path))
  }

  /** The ways that this machine's sockets allow now. */
  find(): void {
    const wanted = new Set<string>()
    for (const endpoint of [...this.#observed, ...this.#named, ...this.#told]) {
      const path = this.#pathTo(endpoint)
      if (path === undefined || wanted.size >= MAX_CANDIDATES) continue
      const key = keyOf(path)
      wanted.add(key)
      if (!this.#byKey.has(key)) this.#byKey.set(key, new Candidate(path))
    }
    for (const [key, candidate] of this.#byKey)
      if (!wanted.has(key) && candidate !== this.current) this.#byKey.delete(key)
  }

  /** The best that is trusted; the one in use, unless another is better. */
  best(now: Instant): Candidate | undefined {
    return bestOf([...(this.current === undefined ? [] : [this.current]), ...this], now)
  }

  /** Trusted ones beside the one in use: the best, and those that a longer round trip alone holds back. */
  reserves(now: Instant): ReadonlySet<Candidate> {
    const others = [...this].filter((each) => each !== this.current && each.isTrusted(now))
    const best = bestOf(others, now)
    return new Set([...(best === undefined ? [] : [best]), ...others.filter((each) => this.isHeldBack(each))])
  }

  /** Whether it would be used if it were about as short as the one in use: it is to be measured again. */
  isHeldBack(candidate: Candidate): boolean {
    return this.current !== undefined && candidate.isPreferredTo(this.current)
  }
}

export function isSameWay(a: DirectPath, b: DirectPath): boolean {
  return keyOf(a) === keyOf(b)
}

/** The first of them, unless a later one is better. */
function bestOf(candidates: readonly Candidate[], now: Instant): Candidate | undefined {
  let best: Candidate | undefined
  for (const candidate of candidates)
    if (candidate.isTrusted(now) && (best === undefined || candidate.isBetterThan(best))) best = candidate
  return best
}

const keyOf = ({ socket, remote }: DirectPath): string => `${socket} ${remote}`
