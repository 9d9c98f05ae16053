import { closeSync, openSync } from 'node:fs'
import { type Kysely, sql } from 'kysely'
import { openSqlite, removeDatabase } from './sqlite-database.ts'
import { isOfDatabase, storageErrorOf } from './storage-error.ts'
import { StoreTransaction } from './store-transaction.ts'
import type { Tables } from './tables.ts'

/** Looks at what a database holds, before anything in it is changed; it throws, as a `RowError`, where that cannot be used. */
export type RowCheck = (transaction: StoreTransaction) => Promise<void>

/**
 * The coordinator's database. It has one writer: transactions run one after the other, whoever asks, and each is on
 * the disk when its promise is kept.
 */
export class Store {
  readonly #path: string
  readonly #database: Kysely<Tables>

  private constructor(path: string, database: Kysely<Tables>) {
    this.#path = path
    this.#database = database
  }

  /**
   * Opens the file, or makes it.
   * @param check looks at what is in it; what it throws comes back. A new one is not looked at.
   * @throws {StorageError} and leaves the file as it was, to the byte.
   */
  static async open(path: string, check: RowCheck = async () => {}): Promise<Store> {
    const database = await openSqlite(path, (tables) => new Store(path, tables).transaction(check))
    return new Store(path, database)
  }

  /**
   * All of `work`, or nothing where it throws; what it throws comes back.
   * @throws {StorageError} where the database failed; nothing changed.
   */
  async transaction<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
    try {
      return await this.#database.transaction().execute((transaction) => work(new StoreTransaction(transaction)))
    } catch (error) {
      throw this.#errorOf(error)
    }
  }

  /**
   * Works that share one transaction, one after the other; each that throws is undone alone.
   * @throws {StorageError} where the database failed; nothing changed.
   */
  together<T>(works: readonly ((transaction: StoreTransaction) => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
    return this.transaction(async (transaction) => {
      const results: PromiseSettledResult<T>[] = []
      for (const work of works) {
        const result = await transaction.attempt(work)
        results.push(result.status === 'rejected' ? { ...result, reason: this.#errorOf(result.reason) } : result)
      }
      return results
    })
  }

  #errorOf(error: unknown): unknown {
    return isOfDatabase(error) ? storageErrorOf(this.#path, error) : error
  }

  /**
   * The database as it is between two transactions, as a file of its own, for its owner only.
   * @throws {StorageError}
   */
  async copyTo(path: string): Promise<void> {
    try {
      removeDatabase(path)
      closeSync(openSync(path, 'wx', 0o600))
      await sql`vacuum into ${path}`.execute(this.#database)
    } catch (error) {
      throw storageErrorOf(path, error)
    }
  }

  /** After the transactions that were begun. */
  async close(): Promise<void> {
    await this.#database.transaction().execute(async () => {})
    await this.#database.destroy()
  }
}
