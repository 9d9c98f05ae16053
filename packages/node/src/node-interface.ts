import type { DatagramRun, Duration, Endpoint, Instant, IpAddress, LogFields, Prefix, WallTime } from '@weft/base'
import type { Netmap, NetmapChange } from '@weft/coordinator-protocol'
import type { DatapathCommand, DatapathReport, Path } from '@weft/datapath'
import type { MeshId, NodeId } from '@weft/keys'
import { MOST_PATH_MTU, type ProbeDropReason } from '@weft/traversal'
import type { HandshakeDropReason } from '@weft/wireguard'
import type { KnownPeer } from './known-peers.ts'
import type { TrustOutcome } from './moved-places.ts'
import type { OwnKeys } from './own-keys.ts'
import type { StoredPins } from './pins.ts'
import type { StoredMembership } from './stored-membership.ts'

/** Why something that came up from the fast path went no further. */
export type NodeDropReason =
  | HandshakeDropReason
  | ProbeDropReason
  | 'unknown-datagram'
  | 'stun-unasked'
  | 'revocation-refused'

/** How the node stands with a mesh's coordinator; `url` is for people. */
export interface CoordinatorState {
  readonly state: 'connecting' | 'connected' | 'away'
  readonly url: string
  readonly since: WallTime
  readonly reason?: string
}

/** How the node stands with a relay. */
export interface RelayStanding {
  readonly state: 'connected' | 'away'
  readonly rttMs?: number
  /** For people. */
  readonly reason?: string
}

/** A peer whose record and certificates hold. */
export interface ProvenPeer {
  readonly id: NodeId
  readonly name: string
  readonly chain: Uint8Array
}

/** What happened. */
export type NodeInput =
  /** First of all: the UDP port to try first, or with `isFixed` the only one. */
  | { readonly kind: 'start'; readonly port: number; readonly isFixed?: boolean }
  | { readonly kind: 'membership-added'; readonly membership: StoredMembership }
  /** The node's keys are being replaced, or were. */
  | { readonly kind: 'own-keys'; readonly mesh: MeshId; readonly own: OwnKeys }
  | { readonly kind: 'membership-removed'; readonly mesh: MeshId }
  /** The whole netmap as it is now, and where it came of a change, that change: then only what it names is looked at. */
  | { readonly kind: 'netmap'; readonly mesh: MeshId; readonly netmap: Netmap; readonly change?: NetmapChange }
  /** Base64, of a netmap or by another way: who tells it is nobody's matter, for each shows by itself whether it holds. */
  | { readonly kind: 'revocations'; readonly mesh: MeshId; readonly revocations: readonly string[] }
  | { readonly kind: 'coordinator-state'; readonly mesh: MeshId; readonly coordinator: CoordinatorState }
  /** All addresses of the machine, those of weft's own interface included or not. */
  | { readonly kind: 'local-addresses'; readonly addresses: readonly IpAddress[] }
  /** The way out of this machine is another now, or it slept: with the same addresses. */
  | { readonly kind: 'network-changed' }
  /** Asks anew how this node looks from outside; the status tells when that is settled. */
  | { readonly kind: 'ask-stun' }
  /** Absent: the mesh has that relay no more. */
  | { readonly kind: 'relay-state'; readonly mesh: MeshId; readonly relay: NodeId; readonly standing?: RelayStanding }
  | {
      readonly kind: 'came-by-relay'
      readonly mesh: MeshId
      readonly relay: NodeId
      readonly from: NodeId
      readonly run: DatagramRun
    }
  /** Somebody on a LAN of this machine says it to whoever listens. */
  | { readonly kind: 'came-on-lan'; readonly datagram: Uint8Array }
  /** What was sent to that node by the relay went nowhere. */
  | { readonly kind: 'relay-absent'; readonly mesh: MeshId; readonly relay: NodeId; readonly node: NodeId }
  /** Where STUN is answered for the mesh; replaces. */
  | { readonly kind: 'stun-servers'; readonly mesh: MeshId; readonly servers: readonly Endpoint[] }
  | { readonly kind: 'report'; readonly report: DatapathReport }
  /** Answered by one `ping-answer` with the same token. `peer`: a name, with or without the domain, an address or an id. */
  | { readonly kind: 'ping'; readonly token: number; readonly peer: string; readonly timeout: Duration }
  /** The user agrees to what the coordinator says of the peer. Answered by one `trust-answer` with the same token. */
  | { readonly kind: 'trust'; readonly token: number; readonly peer: string }
  /** Saves what waits to be saved, and closes the sockets. */
  | { readonly kind: 'stop' }

export interface InterfaceSettings {
  /** Each with its length: `100.64.3.1/32`. */
  readonly addresses: readonly Prefix[]
  readonly routes: readonly Prefix[]
  /** Bytes. */
  readonly mtu: number
}

export type PingOutcome =
  | {
      readonly kind: 'reply'
      readonly peer: NodeId
      readonly address: IpAddress
      readonly rttMs: number
      readonly path?: Path
    }
  | { readonly kind: 'timeout'; readonly peer: NodeId; readonly address: IpAddress }
  | { readonly kind: 'unknown-peer' }
  /** The coordinator named the peer, but it did not prove itself. */
  | { readonly kind: 'refused-peer'; readonly reason: string }
  /** The name was seen with another device, and that one is not there by it. */
  | { readonly kind: 'name-pinned' }
  | { readonly kind: 'self' }
  | { readonly kind: 'busy' }

/** What to do. */
export type NodeOutput =
  | { readonly kind: 'datapath'; readonly command: DatapathCommand }
  /** Replaces what the interface had; told once the underlay sockets are open. */
  | { readonly kind: 'configure-interface'; readonly settings: InterfaceSettings }
  /** Tell the mesh's coordinator where this node may be heard. */
  | { readonly kind: 'publish'; readonly mesh: MeshId; readonly endpoints: readonly Endpoint[] }
  | {
      readonly kind: 'send-by-relay'
      readonly mesh: MeshId
      readonly relay: NodeId
      readonly to: NodeId
      readonly run: DatagramRun
    }
  /** To all nodes on the machine's LANs, whatever mesh they are of. */
  | { readonly kind: 'send-on-lan'; readonly datagram: Uint8Array }
  /** What goes by the relay stays unanswered: see whether it is there. */
  | { readonly kind: 'doubt-relay'; readonly mesh: MeshId; readonly relay: NodeId }
  /** The relays to which connections are to be kept, and no others. */
  | { readonly kind: 'keep-relays'; readonly mesh: MeshId; readonly relays: readonly NodeId[] }
  | {
      readonly kind: 'save-netmap'
      readonly mesh: MeshId
      readonly netmap: Netmap
      readonly known: readonly KnownPeer[]
    }
  /** Whose names and addresses are. Told before the netmap that they are of, and before the answer to `trust`. */
  | { readonly kind: 'save-pins'; readonly mesh: MeshId; readonly pins: StoredPins }
  /** All that are known, in place of what was saved before; on disk when it is taken. */
  | { readonly kind: 'save-revocations'; readonly mesh: MeshId; readonly revocations: readonly Uint8Array[] }
  /** This device was removed from the mesh: it has no peers there any more, and will have none. */
  | { readonly kind: 'removed'; readonly mesh: MeshId }
  /** Leads on from the netmap that was saved, or from the last such change: to be added to it. */
  | {
      readonly kind: 'save-change'
      readonly mesh: MeshId
      readonly change: NetmapChange
      /** Who is there, what they are called, or what they may is another thing from here on: not to be lost when the power fails. */
      readonly isLasting: boolean
    }
  /** The latest that handshakes may have told peers: on disk before anything after it is sent. */
  | { readonly kind: 'save-timestamp'; readonly mesh: MeshId; readonly bound: WallTime }
  /** Nobody is spoken to by the former keys any more: they may go. */
  | { readonly kind: 'former-keys-over'; readonly mesh: MeshId }
  | { readonly kind: 'save-port'; readonly port: number }
  | { readonly kind: 'ping-answer'; readonly token: number; readonly outcome: PingOutcome }
  /** Behind `ask-stun`: all answers have come, or are given up. */
  | { readonly kind: 'stun-settled' }
  | { readonly kind: 'trust-answer'; readonly token: number; readonly outcome: TrustOutcome }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly event: string
      readonly fields: LogFields
    }
  /** The node cannot go on: `code` is an errno's name, or `datapath-failed`. */
  | { readonly kind: 'failed'; readonly code: string; readonly reason: string }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, event: string, fields: LogFields) => void

/** How `Node` lends itself to its parts. */
export type Emit = (output: NodeOutput) => void

/** Bytes of a tunnel packet that the interface takes; a path may carry less, and says so. */
export const INTERFACE_MTU = MOST_PATH_MTU
/** Milliseconds after which a session that was not renewed is dead. WireGuard paper §6.1, Reject-After-Time. */
export const SESSION_LIFE = 180_000

export const isPast = (moment: Instant | undefined, now: Instant): boolean => moment !== undefined && moment <= now
