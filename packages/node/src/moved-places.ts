import type { IpAddress } from '@weft/base'
import type { NodeId } from '@weft/keys'
import type { Pin, Pins, PlaceKind } from './pins.ts'

/** What the coordinator says of a device, this one or another. */
export interface Claimant {
  readonly id: NodeId
  readonly name: string
  readonly owner: string
  readonly address4: IpAddress
}

/** A name or address that the coordinator gives to another device than it was seen with. */
export interface MovedPlace {
  readonly claimant: Claimant
  readonly kind: PlaceKind
  readonly value: string
  /** Whose it is until the user agrees. */
  readonly holder: Pin
}

export interface PlaceHolder {
  readonly id: NodeId
  /** As it is called in the mesh now; `null` where it is not there. */
  readonly name: string | null
  /** ISO 8601. */
  readonly seen: string
}

export interface TrustedPlace {
  readonly kind: PlaceKind
  readonly value: string
  readonly before: PlaceHolder
}

export type TrustOutcome =
  | {
      readonly kind: 'trusted'
      readonly id: NodeId
      readonly name: string
      readonly owner: string
      /** None where the device has what it claims. */
      readonly moved: readonly TrustedPlace[]
    }
  | { readonly kind: 'unknown-peer' }
  /** Several devices claim what is another's. */
  | { readonly kind: 'ambiguous'; readonly ids: readonly NodeId[] }
  /** The coordinator named the peer, but it did not prove itself. */
  | { readonly kind: 'refused-peer'; readonly reason: string }
  /** What it claims is this node's own at the moment. */
  | { readonly kind: 'own'; readonly value: string }

export function movedPlaces(claimants: Iterable<Claimant>, pins: Pins): readonly MovedPlace[] {
  return [...claimants].flatMap((claimant) =>
    (
      [
        ['name', claimant.name],
        ['address', claimant.address4],
      ] as const
    ).flatMap(([kind, value]) => {
      const holder = pins.holder(kind, value)
      return holder === undefined || holder.id === claimant.id ? [] : [{ claimant, kind, value, holder }]
    }),
  )
}

export const shownHolder = ({ id, seen }: Pin, name: string | undefined): PlaceHolder => ({
  id,
  name: name ?? null,
  seen: new Date(seen).toISOString(),
})
