import { type Instant, instant, type Now, toHex } from '@weft/base'
import type { PrivateKey } from '@weft/keys'
import { type EngineOutput, type PeerIndex, type TransportSession, WireGuardEngine } from '../../src/index.ts'
import { opensslCrypto } from './openssl-crypto.ts'
import type { SeededRandom } from './seeded-random.ts'

export const PEER = 0 as PeerIndex
/** Where everything on the simulated wire comes from: 192.0.2.1:7481. */
const ORIGIN = Uint8Array.of(192, 0, 2, 1, 0x1d, 0x39)

/** What crosses the simulated wire. Transport data is not sealed: whoever has the key it was sent with reads it. */
export type Datagram =
  | { readonly kind: 'handshake'; readonly message: Uint8Array }
  | { readonly kind: 'transport'; readonly receiver: number; readonly key: string; readonly packet: string | undefined }

/**
 * An engine and a fast path without packets: staged packets, the three sessions, the meters and the reports of one peer,
 * as the rules of the interface between node and fast path have them, written as plainly as can be.
 */
export class SimulatedNode {
  readonly name: string
  readonly engine: WireGuardEngine<string>
  /** Everything the engine said, and when. */
  readonly log: { readonly at: Instant; readonly output: EngineOutput<string> }[] = []
  readonly delivered: string[] = []
  current: TransportSession | undefined
  next: TransportSession | undefined
  previous: TransportSession | undefined
  beforePrevious: TransportSession | undefined
  readonly #transmit: (datagram: Datagram) => void
  readonly #staged: (string | undefined)[] = []
  readonly #watched = new Set<'sent' | 'received'>()
  readonly #dueReported = new Set<number>()
  #isWanting = false
  #lastSent: Instant | undefined
  #lastReceived: Instant | undefined
  #unansweredSince: Instant | undefined
  #owedSince: Instant | undefined

  constructor(o: {
    readonly name: string
    readonly privateKey: PrivateKey<'node'>
    readonly random: SeededRandom
    readonly firstIndex: number
    readonly transmit: (datagram: Datagram) => void
  }) {
    this.name = o.name
    this.#transmit = o.transmit
    let index = o.firstIndex
    this.engine = new WireGuardEngine<string>({
      crypto: opensslCrypto,
      random: o.random,
      privateKeys: [o.privateKey],
      takeIndex: () => index++,
      meters: {
        meter: () => ({
          lastSent: this.#lastSent,
          lastReceived: this.#lastReceived,
          unansweredSince: this.#unansweredSince,
          owedSince: this.#owedSince,
        }),
      },
    })
  }

  /** Times at which the engine said something of that kind, in milliseconds. */
  timesOf(kind: EngineOutput<string>['kind']): number[] {
    return this.log.filter((entry) => entry.output.kind === kind).map((entry) => entry.at)
  }

  get dropReasons(): string[] {
    return this.log.flatMap(({ output }) => (output.kind === 'dropped' ? [output.reason] : []))
  }

  send(packet: string, now: Now): void {
    if (this.#canSend(now.instant)) this.#seal(packet, now)
    else {
      this.#staged.push(packet)
      this.#wantSession(now)
    }
    this.settle(now)
  }

  receive(datagram: Datagram, now: Now): void {
    if (datagram.kind === 'handshake')
      this.engine.handle({ kind: 'handshake', message: datagram.message, source: this.name, origin: ORIGIN }, now)
    else this.#open(datagram, now)
    this.settle(now)
  }

  wake(now: Now): void {
    this.engine.wake(now)
    this.settle(now)
  }

  settle(now: Now): void {
    for (let output = this.engine.poll(); output !== undefined; output = this.engine.poll()) {
      this.log.push({ at: now.instant, output })
      this.#act(output, now)
    }
  }

  #act(output: EngineOutput<string>, now: Now): void {
    switch (output.kind) {
      case 'send-initiation':
      case 'send-response':
      case 'send-cookie-reply':
        this.#transmit({ kind: 'handshake', message: output.message })
        break
      case 'install-session':
        this.#install(output.session, now)
        break
      case 'forget-sessions':
        this.current = this.next = this.previous = this.beforePrevious = undefined
        break
      case 'retire-sessions':
        if (this.current !== undefined) this.beforePrevious = undefined
        this.previous = this.current ?? this.previous
        this.current = this.next = undefined
        break
      case 'send-keepalive':
        if (this.#canSend(now.instant)) this.#seal(undefined, now)
        else this.#wantSession(now)
        break
      case 'drop-staged':
        this.#staged.length = 0
        this.#isWanting = false
        break
      case 'watch-activity':
        this.#watched.add(output.activity)
        this.#reportActivity(now)
        break
      default:
    }
  }

  #install(session: TransportSession, now: Now): void {
    if (session.role === 'responder') {
      this.next = session
      this.previous = this.beforePrevious = undefined
      return
    }
    this.beforePrevious = this.next === undefined ? undefined : this.current
    this.previous = this.next ?? this.current
    this.current = session
    this.next = undefined
    this.#unansweredSince = undefined
    this.#release(now)
  }

  #release(now: Now): void {
    this.#isWanting = false
    for (const packet of this.#staged.splice(0)) this.#seal(packet, now)
  }

  #canSend(now: Instant): boolean {
    return this.current !== undefined && now < this.current.rejectAfter
  }

  #seal(packet: string | undefined, now: Now): void {
    const session = this.current
    if (session === undefined) return
    this.#lastSent = now.instant
    this.#owedSince = undefined
    if (packet !== undefined) this.#unansweredSince ??= now.instant
    this.#transmit({ kind: 'transport', receiver: session.remoteIndex, key: toHex(session.sendKey), packet })
    this.#reportActivity(now)
    if (session.rekeyAfter !== undefined && now.instant >= session.rekeyAfter) this.#reportDue(session, now)
  }

  #open(datagram: Extract<Datagram, { kind: 'transport' }>, now: Now): void {
    const session = [this.current, this.next, this.previous, this.beforePrevious].find(
      (each) => each?.localIndex === datagram.receiver,
    )
    if (session === undefined || now.instant >= session.rejectAfter) return
    if (toHex(session.receiveKey) !== datagram.key) return
    this.#unansweredSince = undefined
    this.#lastReceived = now.instant
    if (datagram.packet !== undefined) {
      this.#owedSince ??= now.instant
      this.delivered.push(datagram.packet)
    }
    if (session === this.next) {
      this.previous = this.current
      this.beforePrevious = undefined
      this.current = session
      this.next = undefined
      this.engine.handle({ kind: 'session-confirmed', peer: PEER, localIndex: session.localIndex }, now)
      this.#release(now)
    }
    this.#reportActivity(now)
    if (session.rekeyAfterReceiving !== undefined && now.instant >= session.rekeyAfterReceiving)
      this.#reportDue(session, now)
  }

  #wantSession(now: Now): void {
    if (this.#isWanting) return
    this.#isWanting = true
    this.engine.handle({ kind: 'session-wanted', peer: PEER }, now)
  }

  #reportDue(session: TransportSession, now: Now): void {
    if (this.#dueReported.has(session.localIndex)) return
    this.#dueReported.add(session.localIndex)
    this.engine.handle({ kind: 'rekey-due', peer: PEER, localIndex: session.localIndex }, now)
  }

  #reportActivity(now: Now): void {
    for (const [activity, since] of [
      ['sent', this.#unansweredSince],
      ['received', this.#owedSince],
    ] as const) {
      if (since === undefined || !this.#watched.delete(activity)) continue
      this.engine.handle({ kind: 'activity', peer: PEER, activity, since }, now)
    }
  }
}

/** Moments of the simulation as a core is told them; the wall clock goes along. */
export function simulatedNow(milliseconds: number): Now {
  return { instant: instant(milliseconds), wall: (1_700_000_000_000 + milliseconds) as Now['wall'] }
}
