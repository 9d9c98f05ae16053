import { type Duration, type Endpoint, type Instant, instant, type Random, randomFraction } from '@weft/base'

/** What happens to datagrams on the way; each fraction from 0 to 1. */
export interface Weather {
  readonly loss: number
  readonly duplication: number
  readonly leastDelay: Duration
  /** Datagrams overtake each other within the difference. */
  readonly mostDelay: Duration
}

export interface Delivery {
  readonly at: Instant
  readonly from: Endpoint
  readonly to: Endpoint
  readonly datagram: Uint8Array
}

/**
 * A network in memory, told the time: what is sent is lost, delayed, reordered and doubled as the weather is, each time
 * the same for the same random source.
 */
export class SimulatedNetwork {
  weather: Weather
  readonly #random: Random
  /** By time of arrival. */
  readonly #underWay: Delivery[] = []

  constructor(options: { readonly random: Random; readonly weather: Weather }) {
    this.#random = options.random
    this.weather = options.weather
  }

  send(sent: { readonly from: Endpoint; readonly to: Endpoint; readonly datagram: Uint8Array }, now: Instant): void {
    if (this.#happens(this.weather.loss)) return
    const times = this.#happens(this.weather.duplication) ? 2 : 1
    for (let i = 0; i < times; i++) this.#schedule({ ...sent, at: instant(now + this.#delay()) })
  }

  /** What has arrived by now, one at a time. */
  take(now: Instant): Delivery | undefined {
    const first = this.#underWay[0]
    return first !== undefined && first.at <= now ? this.#underWay.shift() : undefined
  }

  nextTimeout(): Instant | undefined {
    return this.#underWay[0]?.at
  }

  #happens(fraction: number): boolean {
    return randomFraction(this.#random) < fraction
  }

  #delay(): number {
    const { leastDelay, mostDelay } = this.weather
    return leastDelay + randomFraction(this.#random) * (mostDelay - leastDelay)
  }

  #schedule(delivery: Delivery): void {
    const after = this.#underWay.findIndex(({ at }) => at > delivery.at)
    this.#underWay.splice(after < 0 ? this.#underWay.length : after, 0, delivery)
  }
}
