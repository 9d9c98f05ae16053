import { type Endpoint, endpointOf, type Logger, type Random, randomBytes, toHex } from '@weft/base'
import type { NodeId } from '@weft/keys'
import type { RelayWelcome } from '@weft/relay/link'
import { KNOCK_TOKEN_LENGTH, type KnockOutcome } from '@weft/relay-protocol'

/** TCP, as the coordinator is called from outside. */
export interface PublicPort {
  readonly port: number
  /** Somebody else's TLS comes before it, whom no relay can ask for the coordinator. */
  readonly isHttps: boolean
}

/** What a relay elsewhere found when it knocked at the coordinator's port, or why nothing is known. */
export interface KnockResult {
  readonly relay: NodeId
  readonly at: Endpoint
  readonly outcome: KnockOutcome | 'untold' | 'older-relay' | 'https'
}

/** Of a relay: the token that it was given, and whether that came in at the coordinator's own port. */
interface Knock {
  readonly token: string
  isHeard: boolean
}

/** Whether the coordinator is reached from outside: relays elsewhere knock at its port, each with a token made for it. */
export class Knocks {
  readonly #port: PublicPort
  readonly #random: Random
  readonly #logger: Logger
  readonly #results = new Map<NodeId, KnockResult>()
  readonly #under = new Map<NodeId, Knock>()

  constructor(options: { readonly port: PublicPort; readonly random: Random; readonly logger: Logger }) {
    this.#port = options.port
    this.#random = options.random
    this.#logger = options.logger
  }

  resultOf(relay: NodeId): KnockResult | undefined {
    return this.#results.get(relay)
  }

  /** What the relay is to be asked; `undefined` where it cannot be. */
  begin({ relay, seenAt, version }: RelayWelcome): { readonly token: Uint8Array; readonly port: number } | undefined {
    const { port, isHttps } = this.#port
    const at = endpointOf(seenAt, port)
    if (isHttps || version < 2) {
      this.#conclude({ relay, at, outcome: isHttps ? 'https' : 'older-relay' })
      return undefined
    }
    const token = randomBytes(this.#random, KNOCK_TOKEN_LENGTH)
    this.#under.set(relay, { token: toHex(token), isHeard: false })
    if (this.#results.get(relay)?.at !== at) this.#results.set(relay, { relay, at, outcome: 'untold' })
    return { token, port }
  }

  /** Somebody came to the coordinator's port with it: whether it is one that a relay was given. */
  heard(token: string): boolean {
    for (const knock of this.#under.values()) {
      if (knock.token !== token) continue
      knock.isHeard = true
      return true
    }
    return false
  }

  /** No relay is believed that it was answered where nobody came. */
  told(relay: NodeId, token: Uint8Array, outcome: KnockOutcome): void {
    const knock = this.#under.get(relay)
    const before = this.#results.get(relay)
    if (knock?.token !== toHex(token) || before === undefined) return
    this.#under.delete(relay)
    const isOld = outcome === 'too-often' && before.outcome !== 'untold'
    if (isOld) return
    this.#conclude({ ...before, outcome: knock.isHeard ? 'answered' : outcome === 'answered' ? 'other' : outcome })
  }

  forget(relay: NodeId): void {
    this.#results.delete(relay)
    this.#under.delete(relay)
  }

  #conclude(result: KnockResult): void {
    const before = this.#results.get(result.relay)
    this.#results.set(result.relay, result)
    if (before?.outcome === result.outcome && before.at === result.at) return
    const { relay, outcome } = result
    this.#logger.info(`${eventOf(outcome)} from outside`, { relay, outcome })
  }
}

function eventOf(outcome: KnockResult['outcome']): string {
  if (outcome === 'answered') return 'reached'
  return outcome === 'refused' || outcome === 'silent' || outcome === 'other' ? 'not reached' : 'not tested'
}
