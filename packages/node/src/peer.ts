import { fromBase64, hostPrefix, type Instant, type IpAddress, type Now, type Prefix } from '@weft/base'
import type { NetmapPeer } from '@weft/coordinator-protocol'
import type { DirectPath, Path } from '@weft/datapath'
import type { PeerIndex, TransportSession } from '@weft/wireguard'
import { MAX_ENDPOINTS } from './endpoints.ts'
import { type ProvenPeer, SESSION_LIFE } from './node-interface.ts'
import type { VerifiedIdentity } from './peer-verification.ts'

/** A verified peer: who it proved to be, what the coordinator says of it, and how it is reached. */
export class Peer {
  readonly index: PeerIndex
  #identity: VerifiedIdentity
  #claim: NetmapPeer
  #prefixes: readonly Prefix[] | undefined
  /** Where transport data go. A peer is moved by proven paths only. */
  path: Path | undefined
  /** Of the path: bytes of the longest tunnel packet that it carries. */
  mtu: number | undefined
  /** Milliseconds of the last handshake or ping. */
  rttMs: number | undefined
  lastHandshake: Now | undefined
  #attempt = 0
  #sessionUntil: Instant | undefined
  #initiationSent: Instant | undefined

  constructor(index: PeerIndex, identity: VerifiedIdentity, claim: NetmapPeer) {
    this.index = index
    this.#identity = identity
    this.#claim = claim
  }

  get identity(): VerifiedIdentity {
    return this.#identity
  }

  get claim(): NetmapPeer {
    return this.#claim
  }

  become(claim: NetmapPeer, identity: VerifiedIdentity): void {
    this.#claim = claim
    this.#identity = identity
    this.#prefixes = undefined
  }

  get addresses(): readonly IpAddress[] {
    return [this.claim.address4, this.identity.address6]
  }

  /** The same array while they stay: the filter names those of all peers. */
  get prefixes(): readonly Prefix[] {
    this.#prefixes ??= this.addresses.map(hostPrefix)
    return this.#prefixes
  }

  hasSession(now: Instant): boolean {
    return this.#sessionUntil !== undefined && now < this.#sessionUntil
  }

  /**
   * Where an initiation goes: to all of the candidates and the path in use. The first that arrives is answered, the rest
   * are replays to the peer; with each attempt another one goes first.
   */
  initiationPaths(candidates: readonly DirectPath[], now: Instant): readonly DirectPath[] {
    const shift = candidates.length === 0 ? 0 : this.#attempt % candidates.length
    this.#attempt++
    this.#initiationSent = now
    const rotated = [...candidates.slice(shift), ...candidates.slice(0, shift)]
    const { path } = this
    if (path?.kind !== 'direct' || rotated.some((each) => isSamePlace(each, path))) return rotated
    return [path, ...rotated].slice(0, MAX_ENDPOINTS)
  }

  onSession(session: TransportSession, now: Instant): void {
    if (session.role === 'initiator' && this.#initiationSent !== undefined) this.rttMs = now - this.#initiationSent
  }

  onHandshakeComplete(now: Now): void {
    this.lastHandshake = now
    this.#sessionUntil = (now.instant + SESSION_LIFE) as Instant
    this.#attempt = 0
    this.#initiationSent = undefined
  }

  onSessionsForgotten(): void {
    this.#sessionUntil = undefined
  }
}

export function provenPeer({ identity, claim }: Pick<Peer, 'identity' | 'claim'>): ProvenPeer {
  return { id: identity.id, name: claim.name, chain: fromBase64(identity.chain) ?? new Uint8Array() }
}

const isSamePlace = (a: DirectPath, b: DirectPath): boolean => a.socket === b.socket && a.remote === b.remote

export function isSamePath(a: Path | undefined, b: Path | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.kind === 'relayed' || b.kind === 'relayed')
    return a.kind === 'relayed' && b.kind === 'relayed' && a.relay === b.relay
  return isSamePlace(a, b) && a.local === b.local
}
