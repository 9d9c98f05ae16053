import { between, type Endpoint, type Instant, seconds } from '@weft/base'
import type { NodeId } from '@weft/keys'
import type { ProbeMessage } from './probe-messages.ts'

/** The same is said again only after so long. */
const CALL_AGAIN = seconds(2)
const MAX_RELAYS = 2

export interface CallsHost {
  /** Where this node may be heard, as it knows now. */
  ownEndpoints(): readonly Endpoint[]
  nextSequence(): number
}

/** What one peer was told of where this node may be heard. */
export class Calls {
  readonly #host: CallsHost
  readonly #relays: (now: Instant) => readonly NodeId[]
  #said: { readonly at: Instant; readonly endpoints: string } | undefined

  /** `relays`: at which this node is, as the peer is to be told. */
  constructor(host: CallsHost, relays: (now: Instant) => readonly NodeId[]) {
    this.#host = host
    this.#relays = relays
  }

  /** Whether the next would say what was said a moment ago. */
  isRepetition(now: Instant): boolean {
    const said = this.#said
    return (
      said !== undefined && between(said.at, now) < CALL_AGAIN && said.endpoints === this.#host.ownEndpoints().join()
    )
  }

  next(lost: boolean, now: Instant): ProbeMessage {
    const endpoints = this.#host.ownEndpoints()
    this.#said = { at: now, endpoints: endpoints.join() }
    const relays = this.#relays(now).slice(0, MAX_RELAYS)
    return { kind: 'call', sequence: this.#host.nextSequence(), lost, relays, endpoints }
  }
}
