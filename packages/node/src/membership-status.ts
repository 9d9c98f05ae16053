import type { Endpoint, Instant, Now } from '@weft/base'
import type { PeerMeter, PeerMeters } from '@weft/datapath'
import type { PeerPaths } from '@weft/traversal'
import { grantsTo } from './filter-rules.ts'
import type { Membership } from './membership.ts'
import { type MovedPlace, shownHolder } from './moved-places.ts'
import {
  isoOf,
  type MovedPlaceStatus,
  type NetworkStatus,
  type NodeStatus,
  type PathStatus,
  type PeerStatus,
  pathOf,
} from './node-status.ts'
import type { Peer } from './peer.ts'

/** Milliseconds of data without an answer after which a path counts as gone: keepalive and rekey timeout together. */
const UNANSWERED_LIMIT = 15_000

export interface UnderlayStatus {
  readonly port: number | undefined
  readonly endpoints: readonly Endpoint[]
  readonly network: NetworkStatus
}

export function membershipStatus(
  membership: Membership,
  meters: PeerMeters,
  underlay: UnderlayStatus,
  now: Now,
): NodeStatus {
  const { netmap, coordinator } = membership
  return {
    self: {
      id: membership.id,
      name: netmap?.self.name ?? '',
      owner: netmap?.self.owner ?? '',
      addresses: membership.addresses,
      mesh: membership.mesh,
      port: underlay.port ?? null,
      endpoints: underlay.endpoints,
    },
    coordinator: {
      url: coordinator?.url ?? null,
      state: coordinator?.state ?? 'none',
      since: isoOf(coordinator?.since),
      ...reasonOf(membership),
      ...lossOf(membership),
    },
    network: underlay.network,
    relay: relayStatus(membership),
    peers: [...membership.peers.peers()]
      .map((peer) =>
        peerStatus(peer, membership, { meter: meters.meter(peer.index), paths: membership.routes.of(peer) }, now),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    refused: [...membership.peers.refused()].map(({ claim, reason }) => ({ id: claim.id, name: claim.name, reason })),
    hasRoomForPins: membership.places.hasRoom,
    moved: membership.places.moved().map((each) => movedStatus(each, membership)),
  }
}

function reasonOf({ coordinator, objection }: Membership): { readonly reason?: string } {
  if (coordinator?.reason !== undefined) return { reason: coordinator.reason }
  return objection === undefined ? {} : { reason: `its netmap is refused, and the last one goes on: ${objection}` }
}

function lossOf({ loss }: Membership): Pick<NodeStatus['coordinator'], 'removed'> {
  return loss === undefined ? {} : { removed: { peers: loss.peers, at: new Date(loss.at).toISOString() } }
}

function peerStatus(
  peer: Peer,
  { netmap, places }: Membership,
  { meter, paths }: { readonly meter: PeerMeter; readonly paths: PeerPaths | undefined },
  now: Now,
): PeerStatus {
  const grants = grantsTo(peer.identity.account, netmap?.grants ?? [])
  return {
    id: peer.identity.id,
    name: peer.claim.name,
    nameWithheld: places.isOthers('name', peer.claim.name, peer.identity.id),
    owner: peer.claim.owner,
    addresses: peer.addresses,
    online: peer.claim.online,
    path: pathStatus(peer, meter, paths, now.instant),
    rxBytes: meter.receivedBytes,
    txBytes: meter.sentBytes,
    lastHandshake: isoOf(peer.lastHandshake?.wall),
    permissions: { incoming: grants.map(({ account: _account, ...grant }) => grant) },
  }
}

function movedStatus({ claimant, kind, value, holder }: MovedPlace, membership: Membership): MovedPlaceStatus {
  const { id, name, owner } = claimant
  return { id, name, owner, kind, value, holder: shownHolder(holder, membership.places.nameOf(holder.id)) }
}

function relayStatus({ routes }: Membership): NodeStatus['relay'] {
  const { home } = routes
  const all = [...routes.relays()].map(([id, { state, rttMs, reason, complaints }]) => ({
    id,
    state,
    ...(rttMs === undefined ? {} : { rttMs }),
    ...(reason === undefined ? {} : { reason }),
    ...(complaints === undefined ? {} : { complaints }),
  }))
  const state = home !== undefined ? 'connected' : all.length > 0 ? 'away' : 'none'
  return { home: home ?? null, state, relays: all }
}

function pathStatus(peer: Peer, meter: PeerMeter, paths: PeerPaths | undefined, now: Instant): PathStatus {
  const isUnanswered = meter.unansweredSince !== undefined && now - meter.unansweredSince > UNANSWERED_LIMIT
  if (isUnanswered) return { kind: 'none' }
  if (peer.path !== undefined && peer.hasSession(now) && paths?.isActive) {
    const { since, why } = paths.standing
    return pathOf(peer.path, paths.rttMs ?? peer.rttMs, {
      since: isoOf(since),
      why,
      mtu: paths.mtu,
    })
  }
  return peer.path === undefined && peer.claim.endpoints.length === 0 ? { kind: 'none' } : { kind: 'idle' }
}
