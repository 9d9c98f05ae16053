import { setTimeout as sleep } from 'node:timers/promises'
import type { IpAddress } from '@weft/base'
import {
  MAX_RELAYS,
  type NetmapRelay,
  netmapFault,
  type Params,
  type RelaySummary,
  type Result,
} from '@weft/coordinator-protocol'
import type { AccountId, PublicKey } from '@weft/keys'
import type { RelayRow, StoreTransaction } from '@weft/storage'
import type { Coordinator } from './coordinator.ts'
import type { KnockResult } from './knocks.ts'
import type { Outcome } from './outcome.ts'
import { Refusal } from './refusal.ts'
import type { RelayVisits } from './relay-visits.ts'

/** In ms: a start waits no longer for a relay, and for what one finds that knocks at the coordinator's port. */
const CONNECT_MS = 3_000
const KNOCK_MS = 5_000

export interface SeenFromOutside {
  /** Elsewhere, of the mesh. */
  readonly relays: number
  /** URLs of those that the coordinator is connected to: devices come to it there too. */
  readonly through: readonly string[]
  /** The addresses that they hear it from. */
  readonly seenAt: readonly IpAddress[]
  /** What they found at the coordinator's port there. */
  readonly knocks: readonly KnockResult[]
}

/** The relays of the mesh: the one beside the coordinator, and those that its owner added. */
export class MeshRelays {
  readonly #coordinator: Coordinator
  readonly #coordinatorKey: PublicKey<'coordinator'>
  readonly #visits: RelayVisits
  readonly #beside: readonly NetmapRelay[]
  readonly #seconds: () => number
  #added: readonly RelayRow[]

  constructor(options: {
    readonly coordinator: Coordinator
    readonly coordinatorKey: PublicKey<'coordinator'>
    readonly visits: RelayVisits
    readonly beside: readonly NetmapRelay[]
    /** As the database holds them. */
    readonly added: readonly RelayRow[]
    readonly seconds: () => number
  }) {
    this.#coordinator = options.coordinator
    this.#coordinatorKey = options.coordinatorKey
    this.#visits = options.visits
    this.#beside = options.beside
    this.#seconds = options.seconds
    this.#added = options.added
    this.#visits.keep(this.#added)
  }

  list(): Result<'relay-list'> {
    return {
      mesh: this.#coordinator.state.id,
      coordinatorKey: this.#coordinatorKey,
      relays: this.#added.map((row) => this.#summaryOf(row)),
    }
  }

  /** A URL of each relay elsewhere, those first by which devices reach the coordinator now. */
  places(): readonly string[] {
    const isAway = ({ id }: RelayRow) => Number(this.#visits.standing(id).state === 'away')
    const sorted = this.#added.toSorted((a, b) => isAway(a) - isAway(b))
    return sorted.flatMap(({ places }) => places.slice(0, 1))
  }

  /** Once a relay has told, or none does in time, or nobody waits for it any more. */
  async outside(signal: AbortSignal): Promise<SeenFromOutside> {
    await this.#wait(CONNECT_MS, () => signal.aborted || this.#visits.seenAt().length > 0)
    await this.#wait(KNOCK_MS, () => {
      if (signal.aborted) return true
      const outcomes = this.#visits.knocked().map(({ outcome }) => outcome)
      return outcomes.includes('answered') || !outcomes.includes('untold')
    })
    return this.outsideNow()
  }

  outsideNow(): SeenFromOutside {
    const connected = this.#added.filter(({ id }) => this.#visits.standing(id).state === 'connected')
    return {
      relays: this.#added.length,
      through: connected.flatMap(({ places }) => places.slice(0, 1)),
      seenAt: [...new Set(this.#visits.seenAt())],
      knocks: this.#visits.knocked(),
    }
  }

  /** Once it has answered, at each of its places. @throws {Refusal} `relay-refused`, `not-allowed`, `busy`. */
  async add(account: AccountId, { places }: Params<'relay-add'>): Promise<Result<'relay-add'>> {
    this.#coordinator.requireFirst(account)
    const { id, stunPort } = await this.#visits.check(places)
    const row: RelayRow = { id, places, stunPort, added: this.#seconds() }
    await this.#change(account, async (transaction) => {
      const others = (await soundRelays(transaction)).filter((each) => each.id !== id)
      if (this.#beside.length + others.length >= MAX_RELAYS)
        throw new Refusal('busy', `there are ${MAX_RELAYS} relays: remove one first`)
      await transaction.putRelay(row)
    })
    return { relay: this.#summaryOf(row) }
  }

  /** By its id, the beginning of it, or a URL. @throws {Refusal} `not-found`, `not-allowed`. */
  async remove(account: AccountId, { relay: text }: Params<'relay-remove'>): Promise<Result<'relay-remove'>> {
    this.#coordinator.requireFirst(account)
    const [found, another] = this.#added.filter(({ id, places }) => id.startsWith(text) || places.includes(text))
    if (found === undefined || another !== undefined)
      throw new Refusal(
        'not-found',
        `${another === undefined ? 'no' : 'more than one'} relay is called so; see relay list`,
      )
    await this.#change(account, (transaction) => transaction.removeRelay(found.id))
    return { id: found.id, places: found.places }
  }

  async #wait(most: number, isDone: () => boolean): Promise<void> {
    const until = performance.now() + most
    while (this.#added.length > 0 && !isDone() && performance.now() < until) await sleep(50)
  }

  async #change(account: AccountId, work: (transaction: StoreTransaction) => Promise<void>): Promise<void> {
    this.#added = await this.#coordinator.changeAsOwner(
      account,
      async (transaction): Promise<Outcome<readonly RelayRow[]>> => {
        await work(transaction)
        const added = await soundRelays(transaction)
        const all = [...this.#beside, ...added.map(netmapRelayOf)]
        return { result: added, changed: [], relays: { all, number: await transaction.nextNumber() } }
      },
    )
    this.#visits.keep(this.#added)
  }

  #summaryOf({ id, places, stunPort }: RelayRow): RelaySummary {
    return { id, places, ...(stunPort === undefined ? {} : { stunPort }), ...this.#visits.standing(id) }
  }
}

/** Those that nodes can be told of. */
export async function soundRelays(transaction: StoreTransaction): Promise<readonly RelayRow[]> {
  return (await transaction.relays()).filter((row) => netmapFault('relay', netmapRelayOf(row)) === undefined)
}

export function netmapRelayOf({ id, places, stunPort }: RelayRow): NetmapRelay {
  return { id, places, ...(stunPort === undefined ? {} : { stunPort }) }
}
