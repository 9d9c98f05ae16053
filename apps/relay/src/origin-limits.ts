import { type Instant, type IpAddress, type Rate, TokenBucket } from '@weft/base'
import { originOf } from './listening/index.ts'

/** A rate for each origin, for so many of them: whoever was longest quiet is forgotten first. */
export class OriginLimits {
  readonly #rate: Rate
  readonly #most: number
  readonly #allowances = new Map<string, TokenBucket>()

  constructor(rate: Rate, most: number) {
    this.#rate = rate
    this.#most = most
  }

  take(source: IpAddress, now: Instant): boolean {
    const origin = originOf(source)
    const allowance = this.#allowances.get(origin) ?? new TokenBucket(this.#rate)
    this.#allowances.delete(origin)
    this.#allowances.set(origin, allowance)
    if (this.#allowances.size > this.#most)
      for (const oldest of this.#allowances.keys()) {
        this.#allowances.delete(oldest)
        break
      }
    return allowance.take(now)
  }
}
