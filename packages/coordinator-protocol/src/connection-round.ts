import type { Instant } from '@weft/base'
import type { LinkEndpoint } from '@weft/identity'
import type { ChannelInitiator } from './channel-initiator.ts'
import { linkEndpointText } from './client-interface.ts'

export interface Attempt {
  readonly connection: number
  readonly endpoint: LinkEndpoint
  /** Once the WebSocket is open. */
  channel: ChannelInitiator | undefined
}

/** One try to reach the coordinator, at all its endpoints side by side. */
export class ConnectionRound {
  /** Then it has failed. */
  readonly until: Instant
  readonly #attempts: Map<number, Attempt>
  readonly #unreached: string[] = []
  #refusal: string | undefined

  /** Connections are numbered from the first on. */
  constructor(endpoints: readonly LinkEndpoint[], firstConnection: number, until: Instant) {
    this.until = until
    this.#attempts = new Map(
      endpoints.map((endpoint, i) => {
        const connection = firstConnection + i
        return [connection, { connection, endpoint, channel: undefined }]
      }),
    )
  }

  get attempts(): readonly Attempt[] {
    return [...this.#attempts.values()]
  }

  get isOver(): boolean {
    return this.#attempts.size === 0
  }

  attempt(connection: number): Attempt | undefined {
    return this.#attempts.get(connection)
  }

  onClosed({ connection, endpoint }: Attempt, why: string): void {
    this.#attempts.delete(connection)
    this.#unreached.push(`${linkEndpointText(endpoint)} (${why})`)
  }

  /** Someone answers there, but not as the coordinator. */
  onRefused({ connection }: Attempt, message: string): void {
    this.#attempts.delete(connection)
    this.#refusal ??= message
  }

  /** For people: an answer that was refused says more than that nobody answered elsewhere. */
  failure(): string {
    if (this.#refusal !== undefined) return this.#refusal
    const silent = this.attempts.map(({ endpoint }) => `${linkEndpointText(endpoint)} (no answer)`)
    const places = [...this.#unreached, ...silent].join(', ')
    return `the coordinator cannot be reached: ${places}; see that it runs and that this machine is online`
  }
}
