import { invariant } from '@weft/base'
import { INCOMPLETE, type Netmap, type NetmapChange, type NetmapPeer } from '@weft/coordinator-protocol'
import type { NodeId } from '@weft/keys'
import { MESH_DOMAIN } from './mesh-names.ts'
import type { DeviceState, Held, MeshState } from './mesh-state.ts'

/** So that the longest message stays well below the channel's 16 MiB: a peer has at most some 9 KiB. */
const PEERS_IN_ONE_MESSAGE = 1000
/** Of at most 1.1 KiB each. */
const REVOCATIONS_IN_ONE_MESSAGE = 2000

/**
 * The whole netmap of a node: a first message and, in a large mesh, changes that complete it.
 * @param revocations all that count; `undefined` for a node that knows nothing of them.
 */
export function netmapMessages(
  state: MeshState,
  id: NodeId,
  revocations?: readonly string[],
): readonly (Netmap | NetmapChange)[] {
  const self = deviceOf(state, id)
  const [first, ...more] = inParts(peersAmong(state, id, state.devices.keys()), revocations)
  const netmap: Netmap = {
    type: 'netmap',
    epoch: state.epoch,
    number: more.length === 0 ? state.number : INCOMPLETE,
    mesh: { id: state.id, rootKey: state.rootKey, domain: MESH_DOMAIN, range: state.range },
    self: selfOf(self),
    peers: first?.peers ?? [],
    grants: [{ reason: 'own devices', account: self.account, protocol: 'any' }],
    ...(state.relays.length === 0 ? {} : { relays: state.relays }),
    ...(state.records.length === 0 ? {} : { records: state.records }),
    ...(revocations === undefined ? {} : { revocations: first?.revocations ?? [] }),
  }
  return [netmap, ...changesOf(state, { epoch: state.epoch, number: INCOMPLETE }, more)]
}

/** What a node that holds `from` is to be told, when `touched` holds every device that changed since. */
export function changeMessages(
  state: MeshState,
  id: NodeId,
  from: Held,
  touched: Iterable<NodeId>,
  {
    revocations,
    ...more
  }: Pick<NetmapChange, 'records' | 'relays' | 'revocations'> & { readonly remove?: readonly NodeId[] } = {},
): readonly NetmapChange[] {
  const self = deviceOf(state, id)
  const changes = changesOf(state, from, inParts(peersAmong(state, id, touched), revocations))
  const also = { ...(self.selfChanged > from.number ? { self: selfOf(self) } : {}), ...more }
  return changes.map((change, index) => (index === changes.length - 1 ? { ...change, ...also } : change))
}

/** Relays and records are told with each subscription: they have no number of their own. */
export function withWhatIsUnnumbered(changes: readonly NetmapChange[], state: MeshState): readonly NetmapChange[] {
  const { relays, records } = state
  return changes.map((change, i) => (i === 0 ? { ...change, relays, records } : change))
}

/** The devices that changed after a number. */
export function touchedSince(state: MeshState, number: number): readonly NodeId[] {
  return [...state.devices.values()].flatMap((device) => (device.changed > number ? [device.id] : []))
}

function peersAmong(state: MeshState, id: NodeId, touched: Iterable<NodeId>): readonly NetmapPeer[] {
  const peers: NetmapPeer[] = []
  for (const other of touched) {
    const device = state.devices.get(other)
    if (device !== undefined && mayFollow(state, id, other)) peers.push(device.peer)
  }
  return peers
}

/** The devices that `id` may see: those of its own account. What others grant comes with permissions. */
function mayFollow(state: MeshState, id: NodeId, other: NodeId): boolean {
  return id !== other && state.devices.get(id)?.account === state.devices.get(other)?.account
}

/** All but the last lead to where they come from, so that only a node that was told all of them holds the new number. */
function changesOf(state: MeshState, from: Held, parts: readonly Part[]): readonly NetmapChange[] {
  return parts.map(({ peers: upsert, revocations }, index) => {
    const isLast = index === parts.length - 1
    return {
      type: 'change',
      epoch: from.epoch,
      from: from.number,
      number: isLast ? state.number : from.number,
      ...(isLast && from.epoch !== state.epoch ? { next: state.epoch } : {}),
      upsert,
      remove: [],
      ...(revocations.length === 0 ? {} : { revocations }),
    }
  })
}

/** What one message tells. */
interface Part {
  readonly peers: readonly NetmapPeer[]
  readonly revocations: readonly string[]
}

/** At least one. */
function inParts(peers: readonly NetmapPeer[], revocations: readonly string[] = []): readonly Part[] {
  const peersAt = (part: number) => part * PEERS_IN_ONE_MESSAGE
  const revocationsAt = (part: number) => part * REVOCATIONS_IN_ONE_MESSAGE
  const parts: Part[] = []
  for (let i = 0; i === 0 || peersAt(i) < peers.length || revocationsAt(i) < revocations.length; i++)
    parts.push({
      peers: peers.slice(peersAt(i), peersAt(i + 1)),
      revocations: revocations.slice(revocationsAt(i), revocationsAt(i + 1)),
    })
  return parts
}

function selfOf({ id, peer, address4 }: DeviceState): Netmap['self'] {
  return { id, name: peer.name, owner: peer.owner, address4 }
}

function deviceOf(state: MeshState, id: NodeId): DeviceState {
  const device = state.devices.get(id)
  invariant(device !== undefined, 'a subscriber is a device of the mesh')
  return device
}
