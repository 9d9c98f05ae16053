import { type Instant, type Random, randomBytes, toHex } from '@weft/base'
import type { Candidate } from './candidate.ts'
import type { ProbeTransaction } from './probe-messages.ts'

const TRANSACTION_BYTES = 8
const MAX_PENDING = 512

/** A probe that was sent and not answered yet. */
export interface PendingProbe {
  readonly candidate: Candidate
  readonly sent: Instant
  /** Bytes of the tunnel packet that it was as long as. */
  readonly size?: number
}

/** The probes of one peer that may still be answered; beyond a bound the oldest are forgotten. */
export class PendingProbes {
  readonly #random: Random
  readonly #pending = new Map<ProbeTransaction, PendingProbe>()

  constructor(random: Random) {
    this.#random = random
  }

  add(probe: PendingProbe): ProbeTransaction {
    const transaction = toHex(randomBytes(this.#random, TRANSACTION_BYTES))
    this.#pending.set(transaction, probe)
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest)
    return transaction
  }

  get(transaction: ProbeTransaction): PendingProbe | undefined {
    return this.#pending.get(transaction)
  }

  delete(transaction: ProbeTransaction): void {
    this.#pending.delete(transaction)
  }

  clear(): void {
    this.#pending.clear()
  }
}
