import type { Instant } from '@weft/base'
import { viewOf } from '@weft/base'
import { RCODE, TYPE } from './constants.ts'
import { ageTtls, leastTtl, type RecordPlace } from './message.ts'
import type { UpstreamAnswer } from './query.ts'

const MAX_ENTRIES = 4096
const MAX_BYTES = 4 * 1024 * 1024
/** Seconds: what holds for longer is asked again all the same, and what is not there is believed for less. */
const MAX_TTL = 86_400
const MAX_NEGATIVE_TTL = 300

interface Entry {
  readonly message: Uint8Array
  readonly records: readonly RecordPlace[]
  readonly at: Instant
  readonly until: Instant
}

/** Answers of other resolvers, for as long as they hold. Bounded; what was used longest ago goes first. */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  get size(): number {
    return this.#entries.size
  }

  /** The answer with its times to live as they now are. */
  get(key: string, now: Instant): Uint8Array | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#drop(key)
    if (entry.until <= now) return undefined
    this.#keep(key, entry)
    const message = entry.message.slice()
    ageTtls(message, entry.records, Math.floor((now - entry.at) / 1000))
    return message
  }

  /** Keeps it where it may be kept. */
  put(key: string, message: Uint8Array, answer: UpstreamAnswer, now: Instant): void {
    const ttl = timeToLive(message, answer)
    if (ttl <= 0) return
    this.#drop(key)
    this.#keep(key, { message, records: answer.records, at: now, until: (now + ttl * 1000) as Instant })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES && this.#bytes <= MAX_BYTES) break
      this.#drop(oldest)
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#bytes += entry.message.length
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.message.length
  }
}

function timeToLive(message: Uint8Array, { rcode, isTruncated, records }: UpstreamAnswer): number {
  if (isTruncated || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)) return 0
  const least = leastTtl(message, records) ?? 0
  const isNegative = rcode === RCODE.NXDOMAIN || !records.some(({ section }) => section === 'answer')
  if (!isNegative) return Math.min(least, MAX_TTL)
  // RFC 2308 §5: without an SOA it is not known for how long; with one, for its last number at most.
  const soa = records.find(({ section, type }) => section === 'authority' && type === TYPE.SOA)
  if (soa === undefined || soa.dataLength < 20) return 0
  const minimum = viewOf(message).getUint32(soa.dataAt + soa.dataLength - 4)
  return Math.min(least, minimum, MAX_NEGATIVE_TTL)
}
