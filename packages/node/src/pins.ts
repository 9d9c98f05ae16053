import type { WallTime } from '@weft/base'
import type { NodeId } from '@weft/keys'

/** What the coordinator gives to devices, and could give to another. */
export type PlaceKind = 'name' | 'address'

/** A name, or an IPv4 address, and whose it is for this node. */
export interface Pin {
  readonly value: string
  readonly id: NodeId
  /** When the netmap last began or ceased to show the device there. */
  readonly seen: WallTime
}

export interface StoredPins {
  readonly names: readonly Pin[]
  readonly addresses: readonly Pin[]
}

export const NO_PINS: StoredPins = { names: [], addresses: [] }

/** Of each kind: twice what a mesh has of members at a time. */
export const MAX_PINS = 131_072

/**
 * Names and IPv4 addresses as first seen with a device that proved itself. They outlive its leaving the netmap, and
 * only the user (`move`) or the end of the device (`release`) changes one: docs/decisions/0008-pins.md. Where there is no
 * room, what is new stays unpinned; nothing is forgotten to make room.
 */
export class Pins {
  readonly #places: Readonly<Record<PlaceKind, Map<string, Pin>>>
  #isChanged = false

  constructor({ names, addresses }: StoredPins) {
    this.#places = { name: byValue(names), address: byValue(addresses) }
  }

  holder(kind: PlaceKind, value: string): Pin | undefined {
    return this.#places[kind].get(value)
  }

  /** At first sight. Whether it is pinned now, to whomever: otherwise there is no room. */
  pin(kind: PlaceKind, value: string, id: NodeId, at: WallTime): boolean {
    const places = this.#places[kind]
    if (places.has(value)) return true
    if (places.size >= MAX_PINS) return false
    this.#set(kind, { value, id, seen: at })
    return true
  }

  /** The device is there no more. */
  left(kind: PlaceKind, value: string, id: NodeId, at: WallTime): void {
    if (this.holder(kind, value)?.id === id) this.#set(kind, { value, id, seen: at })
  }

  /** The user agreed. */
  move(kind: PlaceKind, value: string, id: NodeId, at: WallTime): void {
    this.#set(kind, { value, id, seen: at })
  }

  /** The devices are out of the mesh for good: what they had may be others'. Whether they had something. */
  release(ids: ReadonlySet<NodeId>): boolean {
    let had = false
    for (const places of Object.values(this.#places))
      for (const [value, pin] of places)
        if (ids.has(pin.id)) {
          places.delete(value)
          had = true
        }
    this.#isChanged ||= had
    return had
  }

  all(): StoredPins {
    return { names: [...this.#places.name.values()], addresses: [...this.#places.address.values()] }
  }

  /** All of them where they are not what they were when this was last asked. */
  takeChanged(): StoredPins | undefined {
    if (!this.#isChanged) return undefined
    this.#isChanged = false
    return this.all()
  }

  #set(kind: PlaceKind, pin: Pin): void {
    this.#places[kind].set(pin.value, pin)
    this.#isChanged = true
  }
}

/** Where a value is there twice, the later is right. */
const byValue = (pins: readonly Pin[]): Map<string, Pin> => new Map(pins.map((pin) => [pin.value, pin]))
