import { type Clock, type IpAddress, type Logger, TokenBucket } from '@weft/base'
import type { RelaySummary } from '@weft/coordinator-protocol'
import type { NodeId, PrivateKey } from '@weft/keys'
import { RelayLink, type RelayWelcome } from '@weft/relay/link'
import type { RelayClientState } from '@weft/relay-protocol'
import type { RelayRow } from '@weft/storage'
import type { WebSocket } from 'ws'
import { answerCaller } from './caller-socket.ts'
import type { KnockResult, Knocks } from './knocks.ts'
import { Refusal } from './refusal.ts'

/** Whom a relay may have the coordinator come for: of each relay, so many at once and a second. */
const CALLS = { burst: 256, perSecond: 32 }
/** A port may be forwarded while the coordinator runs. In ms; a relay takes 30 s as often enough. */
const KNOCK_EVERY_MS = 600_000
/** Whoever asked waits 10 s. */
const CHECK_MS = 7_000

interface Visit {
  readonly link: RelayLink
  readonly knocking: NodeJS.Timeout
  welcome?: RelayWelcome
  standing: Pick<RelaySummary, 'state' | 'rttMs' | 'reason'>
}

interface VisitOptions {
  readonly coordinatorKey: PrivateKey<'coordinator'>
  /** A socket that a device opened at a relay, and its address as the relay says. */
  readonly onCaller: (socket: WebSocket, source: IpAddress) => void
  readonly knocks: Knocks
  readonly clock: Clock
  readonly logger: Logger
}

/** The coordinator's own connections to the relays of its mesh that run elsewhere. */
export class RelayVisits {
  readonly #options: VisitOptions
  readonly #visits = new Map<NodeId, Visit>()
  /** All that are known: a relay is told them with each connection. */
  readonly #revocations: Uint8Array[] = []

  constructor(options: VisitOptions) {
    this.#options = options
  }

  /** The one relay that all of the places lead to. @throws {Refusal} `relay-refused`. */
  async check(places: readonly string[]): Promise<{ readonly id: NodeId; readonly stunPort: number | undefined }> {
    const [first, ...others] = await Promise.all(places.map((place) => this.#ask(place)))
    if (first === undefined) throw new Refusal('relay-refused', 'a relay has a URL: give one')
    const other = others.findIndex(({ relay }) => relay !== first.relay)
    if (other >= 0)
      throw new Refusal(
        'relay-refused',
        `another relay answers at ${places[other + 1]}: add it by a command of its own`,
      )
    return { id: first.relay, stunPort: first.stunPort }
  }

  /** Keeps a connection to each of them, and to no other. */
  keep(relays: readonly RelayRow[]): void {
    const wanted = new Set(relays.map(({ id }) => id))
    for (const [id, { link, knocking }] of this.#visits) {
      if (wanted.has(id)) continue
      link.stop()
      clearInterval(knocking)
      this.#visits.delete(id)
      this.#options.knocks.forget(id)
    }
    for (const { id, places } of relays) {
      const visit = this.#visits.get(id)
      if (visit === undefined) this.#visits.set(id, this.#visit(id, places))
      else visit.link.setPlaces(places)
    }
  }

  /** Each relay is told, now or when it can be reached. */
  revoke(revocations: readonly Uint8Array[]): void {
    this.#revocations.push(...revocations)
    for (const { link } of this.#visits.values()) link.revoke(revocations)
  }

  /** The addresses that connected relays hear this machine from. */
  seenAt(): readonly IpAddress[] {
    return this.#connected().flatMap(({ welcome }) => welcome?.seenAt ?? [])
  }

  /** What connected relays found, who were asked to knock at the coordinator's port. */
  knocked(): readonly KnockResult[] {
    return this.#connected().flatMap(({ welcome }) => (welcome && this.#options.knocks.resultOf(welcome.relay)) ?? [])
  }

  standing(relay: NodeId): Visit['standing'] {
    return this.#visits.get(relay)?.standing ?? { state: 'away' }
  }

  stop(): void {
    this.keep([])
  }

  #connected(): readonly Visit[] {
    return [...this.#visits.values()].filter(({ standing }) => standing.state === 'connected')
  }

  #askToKnock({ link, welcome }: Visit): void {
    const knock = welcome && this.#options.knocks.begin(welcome)
    if (knock !== undefined) link.knock(knock.token, knock.port)
  }

  #visit(relay: NodeId, places: readonly string[]): Visit {
    const calls = new TokenBucket(CALLS)
    const visit: Visit = {
      standing: { state: 'away' },
      knocking: setInterval(() => this.#askToKnock(visit), KNOCK_EVERY_MS).unref(),
      link: this.#open(
        places,
        {
          onState: (state) => this.#onState(relay, visit, state),
          onWelcome: (welcome) => {
            visit.welcome = welcome
          },
          onKnocked: (token, outcome) => this.#options.knocks.told(relay, token, outcome),
          onCaller: (place, { token, source }) => {
            if (calls.take(this.#options.clock().instant)) void this.#comeFor(place, token, source)
          },
        },
        relay,
      ),
    }
    return visit
  }

  async #comeFor(place: string, token: Uint8Array, source: IpAddress): Promise<void> {
    const socket = await answerCaller(place, token)
    if (socket !== undefined) this.#options.onCaller(socket, source)
  }

  #onState(relay: NodeId, visit: Visit, state: RelayClientState): void {
    const isNew = visit.standing.state !== state.state
    if (isNew) this.#options.logger.info(`relay ${state.state}`, { relay })
    if (isNew && state.state === 'connected') {
      visit.link.revoke(this.#revocations)
      this.#askToKnock(visit)
    }
    if (state.state === 'away') visit.standing = { state: 'away', reason: state.reason }
    else visit.standing = { state: 'connected', ...(state.rttMs === undefined ? {} : { rttMs: state.rttMs }) }
  }

  #open(
    places: readonly string[],
    listener: ConstructorParameters<typeof RelayLink>[0]['listener'],
    relay?: NodeId,
  ): RelayLink {
    const { coordinatorKey: key, clock } = this.#options
    const wanted = relay === undefined ? {} : { relay }
    return new RelayLink({ places, visitor: { kind: 'coordinator', key }, clock, listener, ...wanted })
  }

  async #ask(place: string): Promise<RelayWelcome> {
    const { promise, resolve, reject } = Promise.withResolvers<RelayWelcome>()
    const fail = (reason: string) =>
      reject(
        new Refusal(
          'relay-refused',
          `no relay of this mesh answers at ${place}: ${reason}; start one there with weft serve --only relay --mesh FILE`,
        ),
      )
    const link = this.#open([place], {
      onWelcome: resolve,
      onState: (state) => {
        if (state.state === 'away') fail(state.reason)
      },
    })
    const timer = setTimeout(() => fail('it does not answer'), CHECK_MS)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      link.stop()
    }
  }
}
