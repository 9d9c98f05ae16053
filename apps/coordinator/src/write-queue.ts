import { setImmediate } from 'node:timers/promises'
import type { Store, StoreTransaction } from '@weft/storage'
import { Refusal } from './refusal.ts'

/** Works that wait; beyond, requests are answered `busy`. */
const MAX_WAITING = 20_000
/** Works that share one transaction. */
const MAX_TOGETHER = 64

interface Waiting<Outcome> {
  readonly work: (transaction: StoreTransaction) => Promise<Outcome>
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: unknown) => void
}

/**
 * The coordinator's one writer. Works run one after the other in the order they came; those that came while the last ones
 * were being written share a transaction, and so one write to the disk. Each that throws is undone alone. Nobody is
 * answered before everything is on the disk.
 */
export class WriteQueue<Outcome> {
  readonly #store: Store
  readonly #committed: (outcome: Outcome) => void
  #waiting: Waiting<Outcome>[] = []
  #running: Promise<void> | undefined

  /** @param committed is told of each outcome in order, before whoever asked. */
  constructor(store: Store, committed: (outcome: Outcome) => void) {
    this.#store = store
    this.#committed = committed
  }

  add<Wanted extends Outcome>(work: (transaction: StoreTransaction) => Promise<Wanted>): Promise<Wanted> {
    if (this.#waiting.length >= MAX_WAITING)
      return Promise.reject(new Refusal('busy', 'the coordinator has too much to do: try again later'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (outcome: Outcome) => void, reject })
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined
      })
    })
  }

  /** Once everything that was asked is done. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What has arrived on other channels meanwhile shares the transaction.
      await setImmediate()
      const together = this.#waiting.splice(0, MAX_TOGETHER)
      try {
        const results = await this.#store.together(together.map(({ work }) => work))
        for (const result of results) if (result.status === 'fulfilled') this.#committed(result.value)
        together.forEach(({ resolve, reject }, place) => {
          const result = results[place]
          if (result?.status === 'fulfilled') resolve(result.value)
          else reject(result?.reason)
        })
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
    }
  }
}
