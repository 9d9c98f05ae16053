import { earliest, type Instant, later, seconds } from '@weft/base'

const PING_EVERY = seconds(7)
const SILENT_AFTER = seconds(15)
/** After a change of the network, a connection that lives is heard within this. */
const PROOF_AFTER = seconds(5)
/** A connection that lasted so long was a success: the next one is tried soon. */
const STABLE_AFTER = seconds(10)

/** Whether an open channel lives: it is pinged every 7 seconds, and dead when nothing comes for 15. */
export class Liveness {
  readonly #since: Instant
  #pingAt: Instant
  #silentAt: Instant

  constructor(now: Instant) {
    this.#since = now
    this.#pingAt = later(now, PING_EVERY)
    this.#silentAt = later(now, SILENT_AFTER)
  }

  onHeard(now: Instant): void {
    this.#silentAt = later(now, SILENT_AFTER)
  }

  onPing(now: Instant): void {
    this.#pingAt = later(now, PING_EVERY)
  }

  /** What is needed to be heard soon is a ping. */
  onDoubt(now: Instant): void {
    this.#silentAt = earliest(this.#silentAt, later(now, PROOF_AFTER)) ?? this.#silentAt
  }

  due(now: Instant): 'nothing' | 'ping' | 'close' {
    if (this.#silentAt <= now) return 'close'
    return this.#pingAt <= now ? 'ping' : 'nothing'
  }

  isStable(now: Instant): boolean {
    return later(this.#since, STABLE_AFTER) <= now
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#pingAt, this.#silentAt)
  }
}
