import { type Duration, type Instant, instant, type Random, randomFraction } from '@weft/base'

/** What happens to what is under way; each fraction from 0 to 1. */
export interface Weather {
  readonly loss: number
  readonly duplication: number
  readonly leastDelay: Duration
  readonly mostDelay: Duration
  /** Nothing overtakes within the difference of the delays, but for this fraction, which takes the least one. Absent: all may overtake. */
  readonly overtaking?: number
  /** Bits a second; what would wait longer than `MOST_QUEUED` for its turn is lost. Absent: no limit. */
  readonly rate?: number
  /** Bytes; what is longer is lost without a word. Absent: no limit. */
  readonly mtu?: number
}

/** Milliseconds. */
export const MOST_QUEUED = 100

interface UnderWay<Item> {
  readonly at: Instant
  readonly item: Item
}

/**
 * One way through a network, told the time: what is sent is lost, held up, reordered and doubled as the weather is, each
 * time the same for the same random source.
 */
export class Way<Item> {
  weather: Weather
  readonly #random: Random
  /** By time of arrival. */
  readonly #underWay: UnderWay<Item>[] = []
  #busyUntil = 0
  #last = 0

  constructor(options: { readonly random: Random; readonly weather: Weather }) {
    this.#random = options.random
    this.weather = options.weather
  }

  send(item: Item, bytes: number, now: Instant): void {
    const { loss, duplication, mtu = Infinity } = this.weather
    if (this.#happens(loss) || bytes > mtu) return
    const times = this.#happens(duplication) ? 2 : 1
    for (let i = 0; i < times; i++) this.#schedule(item, bytes, now)
  }

  /** What has arrived by now, one at a time. */
  take(now: Instant): Item | undefined {
    const first = this.#underWay[0]
    return first !== undefined && first.at <= now ? this.#underWay.shift()?.item : undefined
  }

  nextTimeout(): Instant | undefined {
    return this.#underWay[0]?.at
  }

  #schedule(item: Item, bytes: number, now: Instant): void {
    const { rate, leastDelay } = this.weather
    const turn = Math.max(now, this.#busyUntil)
    if (rate !== undefined) {
      if (turn - now > MOST_QUEUED) return
      this.#busyUntil = turn + (bytes * 8_000) / rate
    }
    const sent = rate === undefined ? now : this.#busyUntil
    this.#insert({ at: instant(this.#arrival(sent + leastDelay)), item })
  }

  #arrival(earliest: number): number {
    const { leastDelay, mostDelay, overtaking } = this.weather
    const delayed = earliest + randomFraction(this.#random) * (mostDelay - leastDelay)
    if (overtaking === undefined) return delayed
    if (this.#happens(overtaking)) return earliest
    this.#last = Math.max(this.#last, delayed)
    return this.#last
  }

  #insert(one: UnderWay<Item>): void {
    const after = this.#underWay.findLastIndex(({ at }) => at <= one.at)
    this.#underWay.splice(after + 1, 0, one)
  }

  #happens(fraction: number): boolean {
    return fraction > 0 && randomFraction(this.#random) < fraction
  }
}
