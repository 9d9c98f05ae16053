import { linkEndpointText } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { nodeAddress6 } from '@weft/identity'
import type { NodeStatus } from '@weft/node'
import { removedError } from './agent-error.ts'
import type { MembershipOnDisk } from './agent-state.ts'
import type { NameServiceStatus } from './name-service.ts'

/** What `weft status --json` prints. */
export interface AgentStatus {
  /** `removed`: this device was removed from the mesh for good. */
  readonly state: 'up' | 'down' | 'removed' | 'not-joined'
  readonly self: (Pick<NodeStatus['self'], 'id' | 'name' | 'mesh' | 'addresses'> & Partial<NodeStatus['self']>) | null
  readonly coordinator: {
    readonly url: string
    readonly state: 'connecting' | 'connected' | 'away' | 'disconnected'
    readonly since?: string | null
    readonly reason?: string
    readonly removed?: NodeStatus['coordinator']['removed']
  } | null
  /** Whether this device holds the mesh's root key, which was moved off the server. */
  readonly holdsRoot: boolean
  /** New keys of this device that the coordinator was not told of yet; those before are in use. */
  readonly rotation: 'none' | 'waiting'
  /** `null` while down. */
  readonly network: NodeStatus['network'] | null
  readonly relay: NodeStatus['relay']
  /** The mesh's resolver; `null` while down. */
  readonly names: NameServiceStatus | null
  readonly peers: NodeStatus['peers']
  readonly refused: NodeStatus['refused']
  readonly moved: NodeStatus['moved']
  readonly hasRoomForPins: boolean
  /** Packets and datagrams that went no further while up, by reason. */
  readonly dropped: Readonly<Record<string, number>>
}

const NOTHING = {
  network: null,
  relay: { home: null, state: 'none', relays: [] },
  names: null,
  peers: [],
  refused: [],
  moved: [],
  hasRoomForPins: true,
  dropped: {},
} as const

export function agentStatus(
  membership: MembershipOnDisk | undefined,
  running: NodeStatus | undefined,
  {
    isRemoved = false,
    drops: dropped = {},
    names = null,
    holdsRoot = false,
  }: {
    readonly isRemoved?: boolean
    readonly drops?: AgentStatus['dropped'] | undefined
    readonly names?: AgentStatus['names'] | undefined
    readonly holdsRoot?: boolean
  } = {},
): AgentStatus {
  if (membership === undefined)
    return { state: 'not-joined', self: null, coordinator: null, holdsRoot, rotation: 'none', ...NOTHING }
  const rotation = membership.next === undefined ? 'none' : 'waiting'
  if (running !== undefined && !isRemoved)
    return { ...upStatus(membership, running), holdsRoot, rotation, names, dropped }
  const { mesh, id, name } = membership
  return {
    state: isRemoved ? 'removed' : 'down',
    self: { id, name: membership.netmap?.self.name ?? name, mesh, addresses: restingAddresses(membership) },
    coordinator: {
      url: firstUrl(membership),
      state: 'disconnected',
      ...(isRemoved ? { reason: removedError().message } : {}),
    },
    holdsRoot,
    rotation,
    ...NOTHING,
  }
}

function upStatus(
  membership: MembershipOnDisk,
  running: NodeStatus,
): Omit<AgentStatus, 'dropped' | 'names' | 'holdsRoot' | 'rotation'> {
  const { self, coordinator, network, relay, peers, refused, moved, hasRoomForPins } = running
  return {
    state: 'up',
    self: { ...self, name: self.name === '' ? membership.name : self.name },
    coordinator: {
      ...coordinator,
      url: coordinator.url ?? firstUrl(membership),
      state: coordinator.state === 'none' ? 'connecting' : coordinator.state,
    },
    network,
    relay,
    peers,
    refused,
    moved,
    hasRoomForPins,
  }
}

/** Those that the interface had, and will have again. */
function restingAddresses({ netmap, keys }: MembershipOnDisk): NodeStatus['self']['addresses'] {
  if (netmap === undefined) return []
  return [netmap.self.address4, nodeAddress6(netmap.mesh.rootKey, keys.identity.publicKey(crypto), crypto)]
}

function firstUrl({ endpoints }: MembershipOnDisk): string {
  const [first] = endpoints
  return first === undefined ? '' : linkEndpointText(first)
}
