import type { Endpoint, IpAddress } from '@weft/base'
import type { Grant } from '@weft/coordinator-protocol'
import type { Path } from '@weft/datapath'
import type { MeshId, NodeId } from '@weft/keys'
import type { NatMapping } from '@weft/traversal'
import type { PlaceHolder } from './moved-places.ts'
import type { PlaceKind } from './pins.ts'

/** How a peer is reached. `mtu`: bytes of the longest packet that the path carries. */
export type PathStatus =
  | {
      readonly kind: 'direct'
      readonly endpoint: Endpoint
      readonly mtu?: number
      readonly rttMs?: number
      readonly since?: string
    }
  /** `why` is for people. */
  | {
      readonly kind: 'relayed'
      readonly relay: NodeId
      readonly mtu?: number
      readonly rttMs?: number
      readonly since?: string
      readonly why?: string
    }
  /** No session is in use; the next packet makes one. */
  | { readonly kind: 'idle'; readonly rttMs?: number }
  /** No way to the peer is known, or none answers. */
  | { readonly kind: 'none' }

export interface PeerStatus {
  readonly id: NodeId
  readonly name: string
  /** The name was seen with another device: it does not lead to this one. `moved` says more. */
  readonly nameWithheld: boolean
  readonly owner: string
  readonly addresses: readonly IpAddress[]
  /** As the coordinator last said. */
  readonly online: boolean
  readonly path: PathStatus
  readonly rxBytes: number
  readonly txBytes: number
  /** ISO 8601, or `null` before the first. */
  readonly lastHandshake: string | null
  /** What the peer may reach on this node. */
  readonly permissions: { readonly incoming: readonly Omit<Grant, 'account'>[] }
}

interface RelayStatus {
  readonly id: NodeId
  /** `idle`: it was measured, and others are nearer. */
  readonly state: 'connected' | 'away' | 'idle'
  readonly rttMs?: number
  readonly reason?: string
  /** How often a peer could not be reached by it though it was connected; absent: never. */
  readonly complaints?: number
}

export interface RefusedPeerStatus {
  readonly id: NodeId
  readonly name: string
  readonly reason: string
}

/** A name or address that the coordinator gives to the device `id`, and that was seen with `holder`. */
export interface MovedPlaceStatus {
  readonly id: NodeId
  readonly name: string
  readonly owner: string
  readonly kind: PlaceKind
  readonly value: string
  readonly holder: PlaceHolder
}

/** What stands between this node and the others, as far as it was asked. */
export interface NetworkStatus {
  readonly v4: NatMapping
  readonly v6: NatMapping
  /** As which this node is seen from outside. */
  readonly seen: readonly Endpoint[]
  /** All answers have come, or are given up. */
  readonly settled: boolean
  /** Addresses of this machine, outside of weft, that are in a mesh's range: there the local network and the mesh are in each other's way. */
  readonly collisions: readonly IpAddress[]
}

/** One membership, as `weft status --json` shows it. */
export interface NodeStatus {
  readonly self: {
    readonly id: NodeId
    readonly name: string
    readonly owner: string
    readonly addresses: readonly IpAddress[]
    readonly mesh: MeshId
    readonly port: number | null
    readonly endpoints: readonly Endpoint[]
  }
  readonly coordinator: {
    readonly url: string | null
    readonly state: 'connecting' | 'connected' | 'away' | 'none'
    readonly since: string | null
    readonly reason?: string
    /** How many peers it took away the last time, since the agent is up. `at`: ISO 8601. */
    readonly removed?: { readonly peers: number; readonly at: string }
  }
  readonly network: NetworkStatus
  readonly relay: {
    readonly home: NodeId | null
    readonly state: 'connected' | 'away' | 'none'
    readonly relays: readonly RelayStatus[]
  }
  readonly peers: readonly PeerStatus[]
  /** Peers that the coordinator named and that did not prove themselves. */
  readonly refused: readonly RefusedPeerStatus[]
  /** What the coordinator moved to another device; it stays where it was until the user agrees (`weft trust`). */
  readonly moved: readonly MovedPlaceStatus[]
  /** Otherwise names and addresses that are new are not kept for whom they were first seen with. */
  readonly hasRoomForPins: boolean
}

export const isoOf = (wall: number | undefined): string | null =>
  wall === undefined ? null : new Date(wall).toISOString()

export function pathOf(
  path: Path,
  rttMs: number | undefined,
  standing: { readonly since: string | null; readonly why: string; readonly mtu?: number },
): PathStatus {
  const rtt = rttMs === undefined ? {} : { rttMs: Math.round(rttMs * 1000) / 1000 }
  const since = standing.since === null ? {} : { since: standing.since }
  const { why, mtu: bytes } = standing
  const mtu = bytes === undefined ? {} : { mtu: bytes }
  return path.kind === 'direct'
    ? { kind: 'direct', endpoint: path.remote, ...mtu, ...rtt, ...since }
    : { kind: 'relayed', relay: path.relay, ...mtu, ...rtt, ...since, ...(why === '' ? {} : { why }) }
}
