import { type Duration, type Instant, invariant, later } from '@weft/base'
import { KEEPALIVE_TIMEOUT, MAX_PERSISTENT_KEEPALIVE, UNANSWERED_TIMEOUT } from './constants.ts'
import type { EngineMeters, TunnelActivity } from './engine-interface.ts'
import type { PeerIndex } from './session.ts'
import type { Timers } from './timers.ts'

/**
 * WireGuard's passive keepalive (paper §6.5), lazily: data that was sent and not answered for 15 s asks for a new
 * handshake, data that was received and not followed by anything sent for 10 s is owed a keepalive.
 *
 * The fast path meters both moments without telling anyone. Each activity is in one of three states: *watched* (the fast
 * path reports its next edge), *timed* (a deadline is set; there the meter is read: cleared → watched, moved → timed
 * anew, old enough → acted upon), or *resting* (nothing to look for until the next handshake completes). So a busy
 * tunnel costs one report each in 10 or 15 s.
 *
 * The persistent keepalive is a deadline alone: where it comes, the meter tells whether the tunnel was silent.
 */
export class Liveness {
  readonly #peer: PeerIndex
  readonly #timers: Timers
  readonly #meters: EngineMeters
  readonly #watch: (activity: TunnelActivity) => void
  readonly #jittered: (at: Instant) => Instant
  readonly #watched = new Set<TunnelActivity>()
  #completedAt: Instant | undefined
  #gaveUpAt: Instant | undefined
  #keptAt: Instant | undefined
  #persistent: Duration | undefined

  constructor(options: {
    readonly peer: PeerIndex
    readonly timers: Timers
    readonly meters: EngineMeters
    readonly watch: (activity: TunnelActivity) => void
    readonly jittered: (at: Instant) => Instant
  }) {
    this.#peer = options.peer
    this.#timers = options.timers
    this.#meters = options.meters
    this.#watch = options.watch
    this.#jittered = options.jittered
  }

  onHandshakeComplete(now: Instant): void {
    this.#completedAt = now
    this.#gaveUpAt = undefined
    if (!this.#timers.isSet('new-handshake')) this.#watchFor('sent')
    if (!this.#timers.isSet('keepalive')) this.#watchFor('received')
  }

  /** What is still unanswered is no reason for another attempt; what is sent from now on is. */
  onGivenUp(now: Instant): void {
    this.#gaveUpAt = now
    this.#timers.set('new-handshake', this.#answerDeadline(now))
  }

  onActivity(activity: TunnelActivity, since: Instant | undefined, now: Instant): void {
    this.#watched.delete(activity)
    // Answered already: looked at again only after the usual time, or a busy tunnel would report every packet.
    if (activity === 'sent') this.#timers.set('new-handshake', this.#answerDeadline(since ?? now))
    else this.#timers.set('keepalive', this.#keepaliveDeadline(since ?? now))
  }

  /** The deadline `new-handshake` has come. True: a new handshake is wanted, and the activity rests. */
  isAnswerOverdue(now: Instant, hasSession: boolean): boolean {
    const { unansweredSince, lastSent } = this.#meters.meter(this.#peer)
    if (unansweredSince === undefined) {
      this.#watchFor('sent')
      return false
    }
    if (this.#gaveUpAt !== undefined && (lastSent === undefined || lastSent <= this.#gaveUpAt)) {
      if (hasSession) this.#timers.set('new-handshake', this.#answerDeadline(now))
      return false
    }
    if (now >= later(this.#sinceComplete(unansweredSince), UNANSWERED_TIMEOUT)) return true
    this.#timers.set('new-handshake', this.#answerDeadline(unansweredSince))
    return false
  }

  /** The deadline `keepalive` has come. True: one is to be sent now, followed by `onKeepaliveSent`. */
  isKeepaliveOverdue(now: Instant, hasSession: boolean): boolean {
    if (!hasSession) return false
    const { owedSince } = this.#meters.meter(this.#peer)
    if (owedSince === undefined) {
      this.#watchFor('received')
      return false
    }
    const deadline = this.#keepaliveDeadline(owedSince)
    if (now >= deadline) return true
    this.#timers.set('keepalive', deadline)
    return false
  }

  onKeepaliveSent(now: Instant): void {
    this.#keptAt = now
    this.#watchFor('received')
  }

  /** Begins with a keepalive at once, so that a peer behind a NAT is reachable from then on. */
  setPersistentKeepalive(interval: Duration | undefined, now: Instant): void {
    invariant(interval === undefined || (interval > 0 && interval <= MAX_PERSISTENT_KEEPALIVE), 'an interval in bounds')
    this.#persistent = interval
    if (interval === undefined) this.#timers.clear('persistent-keepalive')
    else this.#timers.set('persistent-keepalive', now)
  }

  /** The deadline `persistent-keepalive` has come. True: a keepalive is to be sent now. Any packet puts it off. */
  isPersistentKeepaliveDue(now: Instant): boolean {
    if (this.#persistent === undefined) return false
    const { lastSent, lastReceived } = this.#meters.meter(this.#peer)
    const last = lastSent === undefined ? lastReceived : latest(lastSent, lastReceived)
    const deadline = last === undefined ? now : later(last, this.#persistent)
    const isDue = deadline <= now
    this.#timers.set('persistent-keepalive', isDue ? later(now, this.#persistent) : deadline)
    return isDue
  }

  #watchFor(activity: TunnelActivity): void {
    if (this.#watched.has(activity)) return
    this.#watched.add(activity)
    this.#watch(activity)
  }

  #answerDeadline(since: Instant): Instant {
    return this.#jittered(later(this.#sinceComplete(since), UNANSWERED_TIMEOUT))
  }

  /** A keepalive that could not be sent leaves the meter as it was: the next one is not due before its time. */
  #keepaliveDeadline(since: Instant): Instant {
    return later(latest(since, this.#keptAt), KEEPALIVE_TIMEOUT)
  }

  /** A response is an answer too, though the fast path does not meter it. */
  #sinceComplete(since: Instant): Instant {
    return latest(since, this.#completedAt)
  }
}

function latest(moment: Instant, other: Instant | undefined): Instant {
  return other !== undefined && other > moment ? other : moment
}
