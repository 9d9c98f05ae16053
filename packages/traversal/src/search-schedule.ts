import { between, type Instant, later, milliseconds, seconds } from '@weft/base'

/** When all candidates are probed, after a search began: both sides' probes have to cross for a NAT to let them in. */
const ROUNDS = [0, 100, 250, 500, 900, 1_500, 2_500, 4_000]
/** From one search to the next, as long as there is no direct path. */
const AGAIN = [seconds(5), seconds(10), seconds(20), seconds(40), seconds(60)]
/** A call within so long is about the search that is under way. */
const YOUNG = milliseconds(500)

/** When candidates are searched: the rounds of a search, and from one search to the next, ever more rarely. */
export class SearchSchedule {
  #underWay: { readonly begun: Instant; readonly round: number } | undefined
  #searches = 0
  #againAt: Instant | undefined

  get isUnderWay(): boolean {
    return this.#underWay !== undefined
  }

  /** Whether one has come to its end, and none is under way. */
  get isOver(): boolean {
    return this.#underWay === undefined && this.#searches > 0
  }

  isYoung(now: Instant): boolean {
    return this.#underWay !== undefined && between(this.#underWay.begun, now) < YOUNG
  }

  isDueAgain(now: Instant): boolean {
    return this.#underWay === undefined && this.#againAt !== undefined && this.#againAt <= now
  }

  /** Its first round is due at once. */
  begin(now: Instant): void {
    this.#underWay = { begun: now, round: 0 }
    const wait = AGAIN[Math.min(this.#searches++, AGAIN.length - 1)]
    this.#againAt = wait === undefined ? undefined : later(now, wait)
  }

  /** True once for each round that is due. */
  takeRound(now: Instant): boolean {
    const search = this.#underWay
    if (search === undefined || roundAt(search) > now) return false
    const round = search.round + 1
    this.#underWay = round < ROUNDS.length ? { ...search, round } : undefined
    return true
  }

  stop(): void {
    this.#underWay = undefined
  }

  /** The next search counts as the first. */
  startOver(): void {
    this.#searches = 0
  }

  nextTimeout(): Instant | undefined {
    return this.#underWay && roundAt(this.#underWay)
  }
}

const roundAt = ({ begun, round }: { readonly begun: Instant; readonly round: number }): Instant =>
  later(begun, milliseconds(ROUNDS[round] ?? 0))
