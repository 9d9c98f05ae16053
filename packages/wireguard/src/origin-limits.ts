import { type Instant, later, seconds, TokenBucket, toHex } from '@weft/base'
import { MAX_LIMITED_ORIGINS, ORIGIN_RATE } from './constants.ts'

/** Address and two bytes of port: the lengths by which origins of each family are known. */
const IPV4_ORIGIN_LENGTH = 6
const IPV6_ORIGIN_LENGTH = 18
const IPV4_LENGTH = 4
/** One customer has at least a /64, and all addresses in it. */
const IPV6_GROUP_LENGTH = 8
/** An allowance is full again long before, and the whole table is looked through. */
const FORGET_EVERY = seconds(1)

/**
 * How many handshakes each source address may have done while this end is under load: for each IPv4 address and each
 * IPv6 /64 an allowance. The table is bounded; where it is full of active ones, whoever is not in it waits.
 */
export class OriginLimits {
  readonly #allowances = new Map<string, TokenBucket>()
  #forgetAt: Instant | undefined

  get size(): number {
    return this.#allowances.size
  }

  take(origin: Uint8Array, now: Instant): boolean {
    const group = groupOf(origin)
    const known = this.#allowances.get(group)
    if (known !== undefined) return known.take(now)
    if (this.#allowances.size >= MAX_LIMITED_ORIGINS) this.#forgetRested(now)
    if (this.#allowances.size >= MAX_LIMITED_ORIGINS) return false
    const allowance = new TokenBucket(ORIGIN_RATE)
    this.#allowances.set(group, allowance)
    return allowance.take(now)
  }

  #forgetRested(now: Instant): void {
    if (this.#forgetAt !== undefined && now < this.#forgetAt) return
    this.#forgetAt = later(now, FORGET_EVERY)
    for (const [group, allowance] of this.#allowances) if (allowance.isFull(now)) this.#allowances.delete(group)
  }
}

function groupOf(origin: Uint8Array): string {
  switch (origin.length) {
    case IPV4_ORIGIN_LENGTH:
      return toHex(origin.subarray(0, IPV4_LENGTH))
    case IPV6_ORIGIN_LENGTH:
      return toHex(origin.subarray(0, IPV6_GROUP_LENGTH))
    default:
      return toHex(origin)
  }
}
