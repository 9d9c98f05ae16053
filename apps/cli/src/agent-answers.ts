/** What the agent answers, as `docs` and design name it; `--json` passes it on as it came. */
export interface AgentStatus {
  readonly state: 'up' | 'down' | 'removed' | 'not-joined'
  readonly self: SelfStatus | null
  readonly coordinator: CoordinatorState | null
  readonly relay?: RelayState
  /** `collisions`: addresses of this machine that are in the mesh's range. */
  readonly network?: { readonly collisions?: readonly string[] }
  readonly names?: NamesState | null
  /** The key that lets devices in, moved off the server to this device. */
  readonly holdsRoot?: boolean
  readonly peers: readonly PeerStatus[]
  /** Named by the coordinator, without having proven themselves. */
  readonly refused?: readonly RefusedPeer[]
  readonly moved?: readonly MovedPlace[]
  readonly hasRoomForPins?: boolean
}

interface CoordinatorState {
  readonly url: string
  readonly state: string
  readonly reason?: string
  /** How many peers it took away the last time. `at`: ISO 8601. */
  readonly removed?: { readonly peers: number; readonly at: string }
}

/** How names of the mesh work on this machine. */
interface NamesState {
  readonly domain: string
  /** `none`: this machine's resolver was not told, and `reason` may say why. */
  readonly way: string
  readonly reason?: string
}

export interface RefusedPeer {
  readonly id: string
  readonly name: string
  readonly reason: string
}

/** A name or address that the coordinator gives to the device `id`, and that was seen with `holder`. */
export interface MovedPlace {
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly kind: 'name' | 'address'
  readonly value: string
  readonly holder: PlaceHolder
}

export interface PlaceHolder {
  readonly id: string
  /** As it is called now; `null` where it is not in the mesh. */
  readonly name: string | null
  /** ISO 8601. */
  readonly seen: string
}

export interface Trusted {
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly moved: readonly { readonly kind: string; readonly value: string; readonly before: PlaceHolder }[]
}

export interface SelfStatus {
  readonly id: string
  readonly name: string
  readonly mesh: string
  readonly addresses: readonly string[]
}

export interface PeerStatus {
  readonly id: string
  readonly name: string
  /** The name was another device's, and does not lead to this one. */
  readonly nameWithheld?: boolean
  readonly owner: string
  readonly addresses: readonly string[]
  readonly online: boolean
  readonly path: PeerPath
  readonly rxBytes: number
  readonly txBytes: number
  /** ISO 8601. */
  readonly lastHandshake: string | null
}

export interface PeerPath {
  readonly kind: 'direct' | 'relayed' | 'idle' | 'none'
  readonly endpoint?: string
  readonly relay?: string
  /** Bytes of the longest packet that the path carries. */
  readonly mtu?: number
  readonly rttMs?: number
  /** ISO 8601. */
  readonly since?: string
  readonly why?: string
}

export interface RelayState {
  readonly home: string | null
  readonly state: string
  readonly relays: readonly {
    readonly id: string
    readonly state: string
    readonly rttMs?: number
    readonly reason?: string
  }[]
}

export interface PingLine {
  readonly sequence: number
  readonly address: string
  /** Missing where no answer came in time. */
  readonly rttMs?: number
  readonly path: PeerPath
}

/** Its name is without the domain. */
export interface MeshRecord {
  readonly name: string
  readonly type: string
  readonly value: string
}

export interface ListedRelay {
  readonly id: string
  readonly places: readonly string[]
  /** UDP. */
  readonly stunPort?: number
  /** How the coordinator stands with it. */
  readonly state: string
  readonly rttMs?: number
  readonly reason?: string
}

export interface RelayList {
  readonly mesh: string
  readonly coordinatorKey: string
  readonly relays: readonly ListedRelay[]
}

export interface CreatedLink {
  readonly id: string
  readonly link: string
  /** ISO 8601. */
  readonly expires: string
  readonly reusable: boolean
}

export interface ListedLink {
  readonly id: string
  readonly expires: string
  readonly reusable: boolean
  readonly uses: number
  readonly state: string
  readonly tags: readonly string[]
}

export function describePath(path: PeerPath): string {
  switch (path.kind) {
    case 'direct':
      return path.endpoint === undefined ? 'direct' : `direct ${path.endpoint}`
    case 'relayed':
      return path.why === undefined ? 'relayed' : `relayed: ${path.why}`
    case 'idle':
      return 'idle'
    case 'none':
      return 'no path'
  }
}
