import {
  assertNever,
  type Core,
  earliest,
  equalBytes,
  fromHex,
  type Instant,
  invariant,
  later,
  milliseconds,
  type Now,
  randomBytes,
  randomFraction,
  seconds,
  toHex,
} from '@weft/base'
import type { NodeId } from '@weft/keys'
import { admissionOf, type Challenge } from './admission.ts'
import type { RelayClientInput, RelayClientOptions, RelayClientOutput, RelayVersion } from './client-interface.ts'
import { decodeFrames, encodeDatagrams, encodeFrame, type Frame, runsOf } from './frames.ts'

/** From the try to connect to the admission. */
const CONNECT_TIMEOUT = seconds(10)
/** Then another place's challenge is answered, where there is one. */
const ADMISSION_WITHIN = seconds(2)
/** Without a word, a connection is asked whether it lives. Short enough for the mappings of most middleboxes. */
const PING_EVERY = seconds(25)
const PONG_WITHIN = seconds(10)
/** Where there is doubt. */
const PROOF_WITHIN = seconds(3)
/** A connection that lasted so long was a success: the next one is tried soon. */
const STABLE_AFTER = seconds(10)
const FIRST_DELAY = 500
const LAST_DELAY = 30_000

interface Proof {
  readonly token: Uint8Array
  readonly sent: Instant
  readonly until: Instant
}

interface Attempt {
  readonly version: RelayVersion
  /** Which answers there. */
  readonly relay: NodeId | undefined
  /** Not answered yet. */
  readonly challenge?: Challenge
}

const UNOPENED: Attempt = { version: 1, relay: undefined }

/**
 * stopped · connecting: all places are tried side by side, and asked for admission one after the other, for a relay lets go of a
 * node's connection when it admits another · connected · waiting: until the next try, ever longer.
 */
type Phase =
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'connecting'
      readonly attempts: Map<number, Attempt>
      readonly until: Instant
      asked: { readonly connection: number; readonly until: Instant } | undefined
      reason: string
    }
  | {
      readonly kind: 'connected'
      readonly connection: number
      readonly version: RelayVersion
      readonly since: Instant
      pingAt: Instant
      proof: Proof | undefined
    }
  | { readonly kind: 'waiting'; readonly until: Instant }

type Connected = Extract<Phase, { kind: 'connected' }>

/** A node's standing with one relay, over any number of connections. What cannot be sent now is dropped: it is datagrams. */
export class RelayClient<Place> implements Core<RelayClientInput<Place>, RelayClientOutput<Place>> {
  readonly #options: RelayClientOptions<Place>
  readonly #relay: Uint8Array | undefined
  readonly #outputs: RelayClientOutput<Place>[] = []
  #places: readonly Place[]
  #phase: Phase = { kind: 'stopped' }
  #failures = 0
  #nextConnection = 1
  #rttMs: number | undefined

  constructor(options: RelayClientOptions<Place>) {
    invariant(options.places.length > 0, 'a relay has a place')
    this.#options = options
    this.#relay = options.relay === undefined ? undefined : fromHex(options.relay)
    this.#places = options.places
  }

  handle(input: RelayClientInput<Place>, now: Now): void {
    const phase = this.#phase
    switch (input.kind) {
      case 'start':
        if (phase.kind === 'stopped') this.#connect(now.instant)
        break
      case 'stop':
        this.#closeAll()
        this.#phase = { kind: 'stopped' }
        break
      case 'places':
        this.#onPlaces(input.places, now.instant)
        break
      case 'opened':
        if (phase.kind === 'connecting' && phase.attempts.has(input.connection))
          phase.attempts.set(input.connection, { ...UNOPENED, version: input.version })
        break
      case 'closed':
        this.#onClosed(input.connection, input.reason ?? 'the connection was closed', now.instant)
        break
      case 'received':
        this.#onMessage(input.connection, input.message, now.instant)
        break
      case 'send':
        this.#onSend(input)
        break
      case 'revoke':
        if (phase.kind === 'connected') this.#send(phase.connection, { kind: 'revocation', bytes: input.revocation })
        break
      case 'knock':
        if (phase.kind === 'connected' && phase.version >= 2) this.#send(phase.connection, input)
        break
      case 'doubt':
        this.#onDoubt(now.instant)
        break
      default:
        assertNever(input)
    }
  }

  wake({ instant: now }: Now): void {
    const phase = this.#phase
    if (phase.kind === 'waiting' && phase.until <= now) this.#connect(now)
    else if (phase.kind === 'connecting' && phase.until <= now) this.#fail('it does not answer', now)
    else if (phase.kind === 'connecting' && phase.asked !== undefined && phase.asked.until <= now) {
      const { connection } = phase.asked
      const isAlone = [...phase.attempts.values()].every(({ challenge }) => challenge === undefined)
      if (isAlone) phase.asked = { connection, until: later(now, ADMISSION_WITHIN) }
      else this.#refuse(connection, 'it does not answer', now)
    } else if (phase.kind === 'connected') {
      if (phase.proof !== undefined && phase.proof.until <= now) this.#fail('it does not answer any more', now)
      else if (phase.pingAt <= now) this.#ping(phase, now, PONG_WITHIN)
    }
  }

  poll(): RelayClientOutput<Place> | undefined {
    return this.#outputs.shift()
  }

  nextTimeout(): Instant | undefined {
    const phase = this.#phase
    switch (phase.kind) {
      case 'stopped':
        return undefined
      case 'connecting':
        return earliest(phase.until, phase.asked?.until)
      case 'waiting':
        return phase.until
      case 'connected':
        return earliest(phase.pingAt, phase.proof?.until)
      default:
        return assertNever(phase)
    }
  }

  #connect(now: Instant): void {
    const attempts = new Map<number, Attempt>()
    for (const place of this.#places) {
      const connection = this.#nextConnection++
      attempts.set(connection, UNOPENED)
      this.#outputs.push({ kind: 'connect', connection, place })
    }
    const until = later(now, CONNECT_TIMEOUT)
    this.#phase = { kind: 'connecting', attempts, until, asked: undefined, reason: 'it does not answer' }
  }

  #onPlaces(places: readonly Place[], now: Instant): void {
    if (places.length === 0) return
    this.#places = places
    if (this.#phase.kind !== 'waiting') return
    this.#failures = 0
    this.#connect(now)
  }

  #onClosed(connection: number, reason: string, now: Instant): void {
    const phase = this.#phase
    if (phase.kind === 'connected' && phase.connection === connection) this.#fail(reason, now)
    if (phase.kind !== 'connecting' || !phase.attempts.delete(connection)) return
    phase.reason = reason
    if (phase.attempts.size === 0) this.#fail(reason, now)
    else if (phase.asked?.connection === connection) {
      phase.asked = undefined
      this.#askNext(now)
    }
  }

  #onMessage(connection: number, message: Uint8Array, now: Instant): void {
    const phase = this.#phase
    const isKnown =
      phase.kind === 'connected'
        ? phase.connection === connection
        : phase.kind === 'connecting' && phase.attempts.has(connection)
    if (!isKnown) return
    const frames = decodeFrames(message)
    if (frames === undefined) this.#refuse(connection, 'what answers there is no relay of this version', now)
    else for (const frame of frames) this.#onFrame(connection, frame, now)
  }

  #onFrame(connection: number, frame: Frame, now: Instant): void {
    const phase = this.#phase
    if (phase.kind === 'connecting') this.#onEarly(connection, frame, now)
    else if (phase.kind === 'connected' && phase.connection === connection) this.#onLate(phase, frame, now)
  }

  #onEarly(connection: number, frame: Frame, now: Instant): void {
    if (this.#phase.kind !== 'connecting') return
    const { attempts } = this.#phase
    const isMember = this.#options.visitor.kind === 'member'
    const { version, relay } = attempts.get(connection) ?? UNOPENED
    if (frame.kind === 'challenge' && relay === undefined) {
      attempts.set(connection, {
        version,
        relay: idOf(frame.relay),
        challenge: { relay: frame.relay.slice(), nonce: frame.nonce.slice() },
      })
      this.#onChallenge(connection, frame, now)
    } else if (frame.kind === 'admitted' && isMember) this.#onAdmitted(connection, version, now)
    else if (frame.kind === 'welcome' && !isMember && relay !== undefined) {
      this.#outputs.push({ ...frame, relay, version })
      this.#onAdmitted(connection, version, now)
    }
  }

  #onChallenge(connection: number, challenge: Challenge, now: Instant): void {
    if (this.#relay !== undefined && !equalBytes(challenge.relay, this.#relay))
      this.#refuse(connection, 'another relay answers there', now)
    else this.#askNext(now)
  }

  #askNext(now: Instant): void {
    const phase = this.#phase
    if (phase.kind !== 'connecting' || phase.asked !== undefined) return
    const { visitor, crypto } = this.#options
    for (const [connection, { challenge, ...attempt }] of phase.attempts) {
      if (challenge === undefined) continue
      phase.attempts.set(connection, attempt)
      phase.asked = { connection, until: later(now, ADMISSION_WITHIN) }
      this.#send(connection, admissionOf(visitor, challenge, crypto))
      return
    }
  }

  #onLate(phase: Connected, frame: Frame, now: Instant): void {
    phase.pingAt = later(now, PING_EVERY)
    switch (frame.kind) {
      case 'datagrams':
        for (const run of runsOf(frame.frames)) this.#outputs.push({ kind: 'datagrams', from: idOf(frame.node), run })
        break
      case 'absent':
        this.#outputs.push({ kind: 'absent', node: idOf(frame.node) })
        break
      case 'pong':
        this.#onPong(phase, frame.token, now)
        break
      case 'caller':
        if (this.#options.visitor.kind === 'coordinator')
          this.#outputs.push({ ...frame, connection: phase.connection, token: frame.token.slice() })
        break
      case 'knocked':
        if (this.#options.visitor.kind === 'coordinator') this.#outputs.push({ ...frame, token: frame.token.slice() })
        break
      case 'draining':
        this.#fail('the relay is closing', now)
        break
      default:
        break
    }
  }

  #onAdmitted(connection: number, version: RelayVersion, now: Instant): void {
    this.#closeAll(connection)
    const phase: Connected = {
      kind: 'connected',
      connection,
      version,
      since: now,
      pingAt: later(now, PING_EVERY),
      proof: undefined,
    }
    this.#phase = phase
    this.#rttMs = undefined
    this.#outputs.push({ kind: 'state', state: 'connected', rttMs: undefined })
    this.#ping(phase, now, PONG_WITHIN)
  }

  #onPong(phase: Connected, token: Uint8Array, now: Instant): void {
    if (phase.proof === undefined || !equalBytes(phase.proof.token, token)) return
    const rttMs = now - phase.proof.sent
    phase.proof = undefined
    if (this.#rttMs === rttMs) return
    this.#rttMs = rttMs
    this.#outputs.push({ kind: 'state', state: 'connected', rttMs })
  }

  #onSend({ to, run }: Extract<RelayClientInput<Place>, { kind: 'send' }>): void {
    const node = fromHex(to)
    if (this.#phase.kind !== 'connected' || node === undefined) return
    const { connection } = this.#phase
    for (const frames of encodeDatagrams(node, run)) this.#outputs.push({ kind: 'send', connection, frames })
  }

  #onDoubt(now: Instant): void {
    const phase = this.#phase
    if (phase.kind === 'connected') {
      const isProvenSoon = phase.proof !== undefined && phase.proof.until <= later(now, PROOF_WITHIN)
      if (!isProvenSoon) this.#ping(phase, now, PROOF_WITHIN)
    } else if (phase.kind === 'waiting') {
      this.#failures = 0
      this.#connect(now)
    }
  }

  #ping(phase: Connected, now: Instant, within: typeof PONG_WITHIN): void {
    const token = randomBytes(this.#options.random, 8)
    phase.proof = { token, sent: now, until: later(now, within) }
    phase.pingAt = later(now, PING_EVERY)
    this.#send(phase.connection, { kind: 'ping', token })
  }

  #refuse(connection: number, reason: string, now: Instant): void {
    this.#outputs.push({ kind: 'disconnect', connection })
    this.#onClosed(connection, reason, now)
  }

  #fail(reason: string, now: Instant): void {
    this.#closeAll()
    if (this.#phase.kind === 'connected' && later(this.#phase.since, STABLE_AFTER) <= now) this.#failures = 0
    const longest = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** Math.min(this.#failures, 16))
    this.#failures++
    const delay = milliseconds((longest / 2) * (1 + randomFraction(this.#options.random)))
    this.#phase = { kind: 'waiting', until: later(now, delay) }
    this.#outputs.push({ kind: 'state', state: 'away', reason })
  }

  #closeAll(but?: number): void {
    const phase = this.#phase
    const open =
      phase.kind === 'connected' ? [phase.connection] : phase.kind === 'connecting' ? phase.attempts.keys() : []
    for (const connection of open) if (connection !== but) this.#outputs.push({ kind: 'disconnect', connection })
  }

  #send(connection: number, frame: Frame): void {
    this.#outputs.push({ kind: 'send', connection, frames: encodeFrame(frame) })
  }
}

const idOf = (bytes: Uint8Array): NodeId => toHex(bytes) as NodeId
