import type { IpAddress, LogFields, WallTime } from '@weft/base'
import { type DeviceText, refersTo } from '@weft/dns'
import type { NodeId } from '@weft/keys'
import { type Claimant, type MovedPlace, movedPlaces, shownHolder, type TrustOutcome } from './moved-places.ts'
import type { LogLevel } from './node-interface.ts'
import type { Peer } from './peer.ts'
import type { PeerTable } from './peer-table.ts'
import { Pins, type PlaceKind, type StoredPins } from './pins.ts'

export interface PlacesHost {
  readonly id: NodeId
  readonly peers: PeerTable
  wall(): WallTime
  /** This node, by the netmap that holds. */
  self(): Claimant | undefined
  /** This node, by the netmap that the coordinator told last. */
  offered(): Claimant | undefined
  /** Whose a name or address is was decided anew. */
  onDecided(): void
  save(pins: StoredPins): void
  log(level: LogLevel, event: string, fields: LogFields): void
}

/** Whose the names and addresses of one mesh are: keeps the pins in step with what peers are seen with, and the user's decisions. */
export class Places {
  readonly #pins: Pins
  readonly #host: PlacesHost
  #hasRoom = true

  constructor(stored: StoredPins, host: PlacesHost) {
    this.#pins = new Pins(stored)
    this.#host = host
  }

  /** Whether the name or address was seen with another device, whose it still is. */
  isOthers(kind: PlaceKind, value: string, id: NodeId): boolean {
    const pin = this.#pins.holder(kind, value)
    return pin !== undefined && pin.id !== id
  }

  /** Whether the name is some device's. */
  isDevice(name: string): boolean {
    return this.#pins.holder('name', name) !== undefined
  }

  /** Whether what is new can be pinned. */
  get hasRoom(): boolean {
    return this.#hasRoom
  }

  onSelf({ id, name, address4 }: Claimant): void {
    this.#pin('name', name, id)
    this.#pin('address', address4, id)
  }

  onAddressed({ claim }: Peer, before?: IpAddress): void {
    if (before !== undefined) this.#left('address', before, claim.id)
    this.#pin('address', claim.address4, claim.id)
  }

  onNamed({ claim: { id, name } }: Peer, before?: string): void {
    if (before !== undefined) this.#left('name', before, id)
    this.#pin('name', name, id)
    const holder = this.#pins.holder('name', name)
    if (holder !== undefined && holder.id !== id)
      this.#host.log('warn', 'name withheld', { name, peer: id, before: holder.id })
  }

  onRemoved({ claim: { id, name, address4 } }: Peer): void {
    this.#left('name', name, id)
    this.#left('address', address4, id)
  }

  /** What the coordinator gives to another device than it was seen with. */
  moved(): readonly MovedPlace[] {
    return movedPlaces(this.#claimants(), this.#pins)
  }

  /** What the device is called, if it is there. */
  nameOf(id: NodeId): string | undefined {
    return id === this.#host.id ? this.#host.self()?.name : this.#host.peers.byId(id)?.claim.name
  }

  /** The user agrees that the device, told by id, or by the name or address that it claims, has what it claims. */
  trust(meant: DeviceText): TrustOutcome {
    const isMeant = ({ id, name, address4 }: Claimant) => refersTo(meant, { id, name, addresses: [address4] })
    const claimants = this.#claimants().filter(isMeant)
    const moved = movedPlaces(claimants, this.#pins)
    const ids = [...new Set(moved.map(({ claimant }) => claimant.id))]
    const claimant = claimants.find(({ id }) => ids.length === 0 || id === ids[0])
    if (claimant === undefined) {
      const refused = [...this.#host.peers.refused()].find(({ claim }) => isMeant(claim))
      return refused === undefined ? { kind: 'unknown-peer' } : { kind: 'refused-peer', reason: refused.reason }
    }
    if (ids.length > 1) return { kind: 'ambiguous', ids }
    const own = moved.find(({ value, holder }) => holder.id === this.#host.id && this.#isOwn(value))
    return own === undefined ? this.#trust(claimant, moved) : { kind: 'own', value: own.value }
  }

  /** The devices are revoked: what they had may be others' from now on. */
  release(ids: ReadonlySet<NodeId>): void {
    if (this.#pins.release(ids)) this.#decided()
  }

  save(): void {
    const pins = this.#pins.takeChanged()
    if (pins !== undefined) this.#host.save(pins)
  }

  #trust({ id, name, owner }: Claimant, moved: readonly MovedPlace[]): TrustOutcome {
    const trusted = moved.map(({ kind, value, holder }) => ({
      kind,
      value,
      before: shownHolder(holder, this.nameOf(holder.id)),
    }))
    for (const { kind, value, before } of trusted) {
      this.#pins.move(kind, value, id, this.#host.wall())
      this.#host.log('info', 'trusted', { kind, value, peer: id, before: before.id })
    }
    if (trusted.length > 0) this.#decided()
    return { kind: 'trusted', id, name, owner, moved: trusted }
  }

  #decided(): void {
    const self = this.#host.self()
    if (self !== undefined) this.onSelf(self)
    this.#host.onDecided()
    for (const { claim } of this.#host.peers.peers()) this.#pin('name', claim.name, claim.id)
    this.save()
  }

  #pin(kind: PlaceKind, value: string, id: NodeId): void {
    if (this.#pins.pin(kind, value, id, this.#host.wall()) || !this.#hasRoom) return
    this.#hasRoom = false
    this.#host.log('error', 'no room for pins', {
      kind,
      action: 'names and addresses of new devices are not protected',
    })
  }

  #left(kind: PlaceKind, value: string, id: NodeId): void {
    this.#pins.left(kind, value, id, this.#host.wall())
  }

  #isOwn(value: string): boolean {
    const self = this.#host.self()
    return value === self?.name || value === self?.address4
  }

  /** All that proved who they are, with a tunnel or without. */
  #claimants(): readonly Claimant[] {
    const { id, peers } = this.#host
    const refused = [...peers.refused()].filter(
      ({ identity, reason }) => identity !== undefined && reason !== 'revoked',
    )
    const others = [...peers.peers(), ...refused].map(({ claim }) => claim).filter((claim) => claim.id !== id)
    return [this.#host.offered() ?? [], others].flat()
  }
}
