import { assertNever, type Instant, type Now, type Random, type WallTime } from '@weft/base'
import type { CryptoProvider, PrivateKey } from '@weft/keys'
import {
  type EngineInput,
  type EngineOutput,
  type HandshakeDropReason,
  type PeerIndex,
  type TransportSession,
  WireGuardEngine,
} from '@weft/wireguard'
import type { DatapathCommand, DatapathReport, Path, PeerMeters } from './datapath.ts'
import { originOf } from './origin.ts'

/** What the fast path reports of a peer's sessions. */
export type SessionReport = Extract<
  DatapathReport,
  { kind: 'session-wanted' | 'rekey-due' | 'session-confirmed' | 'activity' }
>

/** What an engine with a fast path leaves to its owner: by which paths peers are reached, and what is told of them. */
export interface EngineOwner {
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly meters: PeerMeters
  takeReceiverIndex(now: Instant): number
  command(command: DatapathCommand): void
  /** Sends it by every way that may lead to the peer: the first that arrives is answered. */
  sendInitiation(peer: PeerIndex, message: Uint8Array, now: Now): void
  /** Answers an authentic initiation that came from there. */
  sendResponse(peer: PeerIndex, message: Uint8Array, to: Path): void
  /**
   * A session is about to be installed. `proven`: where the peer's response came from, which only the peer can have made; `heard`: where
   * the handshake message in hand came from, which anyone may have passed on.
   */
  onSession(peer: PeerIndex, session: TransportSession, paths: SessionPaths, now: Now): void
  /** The peer's first data in the session that it was offered came by that path. */
  onConfirmed(peer: PeerIndex, path: Path, now: Now): void
  onSessionsForgotten(peer: PeerIndex): void
  onHandshakeComplete(peer: PeerIndex, now: Now): void
  onGivenUp(peer: PeerIndex): void
  /** The peer has the own key; the engine has removed it. */
  onOwnKey(peer: PeerIndex): void
  onDropped(reason: HandshakeDropReason): void
  saveTimestamp(bound: WallTime): void
}

export interface SessionPaths {
  readonly proven: Path | undefined
  readonly heard: Path | undefined
}

type PeerOutput = Extract<EngineOutput<Path>, { readonly peer: PeerIndex }>

/** A WireGuard engine over a fast path: reports become the engine's inputs, and its outputs commands. */
export class EngineLink {
  readonly #owner: EngineOwner
  readonly #engine: WireGuardEngine<Path>
  /** The session that each peer was last offered, by its receiver index: a late report may be of another peer that had the same number. */
  readonly #offered = new Map<PeerIndex, number>()
  #now: Now | undefined
  #heard: Path | undefined

  constructor(
    owner: EngineOwner,
    stored: { readonly privateKeys: readonly PrivateKey<'node'>[]; readonly latestTimestamp?: WallTime | undefined },
  ) {
    this.#owner = owner
    const { crypto, random, meters } = owner
    const takeIndex = () => owner.takeReceiverIndex(this.#now?.instant ?? (0 as Instant))
    this.#engine = new WireGuardEngine<Path>({ crypto, random, ...stored, takeIndex, meters })
  }

  tell(input: Exclude<EngineInput<Path>, { kind: 'handshake' | SessionReport['kind'] }>, now: Now): void {
    if (input.kind === 'remove-peer') this.#offered.delete(input.peer)
    this.#handle(input, now)
  }

  /** Makes a new session with the peer. */
  renew(peer: PeerIndex, now: Now): void {
    this.#handle({ kind: 'session-wanted', peer }, now)
  }

  onHandshake(message: Uint8Array, path: Path, now: Now): void {
    this.#heard = path
    this.#handle({ kind: 'handshake', message, source: path, origin: originOf(path) }, now)
    this.#heard = undefined
  }

  onReport(report: SessionReport, now: Now): void {
    const { peer } = report
    switch (report.kind) {
      case 'session-wanted':
        this.#handle({ kind: 'session-wanted', peer }, now)
        return
      case 'rekey-due':
        this.#handle({ kind: 'rekey-due', peer, localIndex: report.localIndex }, now)
        return
      case 'session-confirmed':
        if (report.localIndex !== this.#offered.get(peer)) return
        this.#owner.onConfirmed(peer, report.path, now)
        this.#handle({ kind: 'session-confirmed', peer, localIndex: report.localIndex }, now)
        return
      case 'activity': {
        const meter = this.#owner.meters.meter(peer)
        const since = report.activity === 'sent' ? meter.unansweredSince : meter.owedSince
        this.#handle({ kind: 'activity', peer, activity: report.activity, since }, now)
        return
      }
      default:
        assertNever(report)
    }
  }

  wake(now: Now): void {
    this.#now = now
    this.#engine.wake(now)
    this.#drain(now)
  }

  nextTimeout(): Instant | undefined {
    return this.#engine.nextTimeout()
  }

  #handle(input: EngineInput<Path>, now: Now): void {
    this.#now = now
    this.#engine.handle(input, now)
    this.#drain(now)
  }

  #drain(now: Now): void {
    for (let output = this.#engine.poll(); output !== undefined; output = this.#engine.poll()) this.#act(output, now)
  }

  #act(output: EngineOutput<Path>, now: Now): void {
    const owner = this.#owner
    switch (output.kind) {
      case 'dropped':
        owner.onDropped(output.reason)
        return
      case 'save-timestamp':
        owner.saveTimestamp(output.bound)
        return
      case 'cookie-secret':
        owner.command({ kind: 'set-cookie-secret', key: output.key, secret: output.secret })
        return
      case 'send-cookie-reply':
        // Who is not known is answered where no relay has to be told whom to bring it.
        if (output.to.kind === 'direct')
          owner.command({ kind: 'send-datagram', path: output.to, datagram: output.message })
        return
      default:
        this.#actFor(output, now)
    }
  }

  #actFor(output: PeerOutput, now: Now): void {
    const owner = this.#owner
    const { peer } = output
    switch (output.kind) {
      case 'send-initiation':
        owner.sendInitiation(peer, output.message, now)
        return
      case 'send-response':
        owner.sendResponse(peer, output.message, output.to)
        return
      case 'install-session':
        owner.onSession(peer, output.session, { proven: output.proven, heard: this.#heard }, now)
        this.#offered.set(peer, output.session.localIndex)
        owner.command({ kind: 'install-session', peer, session: output.session })
        return
      case 'forget-sessions':
      case 'retire-sessions':
        this.#offered.delete(peer)
        owner.onSessionsForgotten(peer)
        owner.command(output)
        return
      case 'send-keepalive':
      case 'drop-staged':
      case 'watch-activity':
        owner.command(output)
        return
      case 'handshake-complete':
        owner.onHandshakeComplete(peer, now)
        return
      case 'peer-removed':
        owner.onOwnKey(peer)
        return
      case 'given-up':
        owner.onGivenUp(peer)
        return
      default:
        assertNever(output)
    }
  }
}
