import type { Brand, DatagramRun, Endpoint, Family, Instant, IpAddress, Prefix } from '@weft/base'
import type { FilterRule } from '@weft/filter'
import type { NodeId, PublicKey } from '@weft/keys'
import type { PeerIndex, TransportSession } from '@weft/wireguard'

/** An underlay socket, numbered by the node. */
export type SocketId = Brand<number, 'SocketId'>

export interface DirectPath {
  readonly kind: 'direct'
  readonly socket: SocketId
  /** The address to send from; absent: the system chooses. */
  readonly local?: IpAddress
  readonly remote: Endpoint
}

/** By the relay of that id, to the node that the peer is. */
export interface RelayedPath {
  readonly kind: 'relayed'
  readonly relay: NodeId
}

export type Path = DirectPath | RelayedPath

export type Activity = 'sent' | 'received'

/** What the node tells the fast path. Taken in order; nothing is answered but by reports. */
export type DatapathCommand =
  /** `port` 0 takes any. Answered by `socket-opened` or `socket-failed`. */
  | { readonly kind: 'open-socket'; readonly socket: SocketId; readonly family: Family; readonly port: number }
  | { readonly kind: 'close-socket'; readonly socket: SocketId }
  /**
   * What the system routes datagrams by (SO_MARK), on all underlay sockets, those opened later too; 0: none. Answered by `mark-set`,
   * or by `mark-refused`, and all stay as they were.
   */
  | { readonly kind: 'set-mark'; readonly mark: number }
  /** Replaces: the node keys for whom handshakes are let up, in the order that `handshake` reports count them. */
  | { readonly kind: 'set-local-keys'; readonly keys: readonly PublicKey<'node'>[] }
  /** Replaces: what the cookies of that local key are made with. Handshakes that carry one pass where others are too many. */
  | { readonly kind: 'set-cookie-secret'; readonly key: PublicKey<'node'>; readonly secret: Uint8Array }
  /** `roams`: authentic transport data from elsewhere moves the peer's path there at once, as `path-changed` tells. */
  | { readonly kind: 'add-peer'; readonly peer: PeerIndex; readonly roams?: boolean }
  | { readonly kind: 'remove-peer'; readonly peer: PeerIndex }
  /** Replaces the peer's prefixes; a prefix that another peer had moves. */
  | { readonly kind: 'set-allowed-ips'; readonly peer: PeerIndex; readonly prefixes: readonly Prefix[] }
  /** Absent: packets for the peer are dropped as `no-path`. `mtu`: the largest tunnel packet the path carries, in bytes. */
  | {
      readonly kind: 'set-path'
      readonly peer: PeerIndex
      readonly path: { readonly route: Path; readonly mtu: number } | undefined
    }
  /** The initiator's becomes current at once and releases what is staged, the responder's when the peer first uses it. */
  | { readonly kind: 'install-session'; readonly peer: PeerIndex; readonly session: TransportSession }
  | { readonly kind: 'forget-sessions'; readonly peer: PeerIndex }
  /** Sends in none of them any more; what is under way to us is received till they end. */
  | { readonly kind: 'retire-sessions'; readonly peer: PeerIndex }
  | { readonly kind: 'send-keepalive'; readonly peer: PeerIndex }
  /** Drops what waits for a session; the next packet is reported as `session-wanted` again. */
  | { readonly kind: 'drop-staged'; readonly peer: PeerIndex }
  /** Report the next such activity once, at once if it is already there. */
  | { readonly kind: 'watch-activity'; readonly peer: PeerIndex; readonly activity: Activity }
  /** Replaces. Without any rule nothing that was not asked for comes in; `off`: everything passes, and no flow is reported. */
  | { readonly kind: 'set-filter'; readonly rules: readonly FilterRule[] | 'off' }
  /** `whole`: where it is too long for the way it is lost, rather than sent in fragments. */
  | {
      readonly kind: 'send-datagram'
      readonly path: DirectPath
      readonly datagram: Uint8Array
      readonly whole?: boolean
    }
  /** The bytes are the fast path's from then on. */
  | { readonly kind: 'receive-relayed'; readonly relay: NodeId; readonly run: DatagramRun }
  /** As if it had come from the packet port. */
  | { readonly kind: 'send-packet'; readonly packet: Uint8Array }
  /** Echo replies whose data begin with these bytes (8 of them) go up instead of to the packet port. */
  | { readonly kind: 'expect-echo'; readonly token: Uint8Array }
  /** Replaces: addresses of no peer at which the node itself answers this machine, and nobody else. */
  | { readonly kind: 'set-node-addresses'; readonly addresses: readonly IpAddress[] }
  /** Gives a packet of the node's own to the packet port. */
  | { readonly kind: 'deliver-packet'; readonly packet: Uint8Array }

/** A new flow that was accepted. */
export interface FlowStart {
  readonly peer: PeerIndex
  readonly direction: 'in' | 'out'
  /** The IP protocol's number. */
  readonly protocol: number
  readonly source: IpAddress
  readonly sourcePort: number
  readonly destination: IpAddress
  readonly destinationPort: number
  /** Of the rule that accepted it; absent on the way out. */
  readonly reason?: string
  readonly at: Instant
}

/** What the fast path reports to the node. Byte arrays belong to the node from then on. */
export type DatapathReport =
  | { readonly kind: 'socket-opened'; readonly socket: SocketId; readonly family: Family; readonly port: number }
  /** `code` as in errno: `EADDRINUSE`, `EACCES`, `EAFNOSUPPORT`. */
  | { readonly kind: 'socket-failed'; readonly socket: SocketId; readonly code: string }
  | { readonly kind: 'mark-set'; readonly mark: number }
  /** `code` as in errno: `EPERM`. */
  | { readonly kind: 'mark-refused'; readonly mark: number; readonly code: string }
  | { readonly kind: 'session-wanted'; readonly peer: PeerIndex }
  /** Once for each session. */
  | { readonly kind: 'rekey-due'; readonly peer: PeerIndex; readonly localIndex: number }
  /** A responder's session was first used by the peer and is now the current one. */
  | { readonly kind: 'session-confirmed'; readonly peer: PeerIndex; readonly localIndex: number; readonly path: Path }
  /** Of a peer that roams. */
  | { readonly kind: 'path-changed'; readonly peer: PeerIndex; readonly path: DirectPath }
  /** Initiation or response whose mac1 holds for local key number `localKey`, or a cookie reply (`localKey` -1). */
  | { readonly kind: 'handshake'; readonly message: Uint8Array; readonly localKey: number; readonly path: Path }
  | { readonly kind: 'datagram'; readonly datagram: Uint8Array; readonly path: DirectPath }
  | { readonly kind: 'activity'; readonly peer: PeerIndex; readonly activity: Activity }
  | { readonly kind: 'flow'; readonly flow: FlowStart }
  /** From the packet port to one of the node's own addresses; of TCP perhaps longer than any MTU, and its checksum not complete. */
  | { readonly kind: 'node-packet'; readonly packet: Uint8Array }
  | { readonly kind: 'echo'; readonly peer: PeerIndex; readonly packet: Uint8Array; readonly at: Instant }
  /** Sealed datagrams to carry to the peer by the relay. */
  | { readonly kind: 'relayed'; readonly relay: NodeId; readonly peer: PeerIndex; readonly run: DatagramRun }
  /** The packet port is gone; nothing passes any more. */
  | { readonly kind: 'failed'; readonly reason: string }

/** What the fast path counts of one peer. Bytes are those of datagrams of transport data, keepalives included, as `wg` counts them. */
export interface PeerMeter {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly lastSent: Instant | undefined
  readonly lastReceived: Instant | undefined
  /** When the first data was sent after which nothing authentic came, neither transport data nor a handshake. */
  readonly unansweredSince: Instant | undefined
  /** When the first data was received after which nothing was sent. */
  readonly owedSince: Instant | undefined
}

export const DROP_REASONS = [
  // On the way out.
  'not-ip',
  'no-peer',
  'no-path',
  'too-big',
  'staging-full',
  'staging-dropped',
  'filtered-out',
  'send-failed',
  'node-silent',
  // On the way in.
  'malformed-datagram',
  'unknown-receiver',
  'session-expired',
  'counter-exhausted',
  'not-authentic',
  'replayed',
  'malformed-packet',
  'source-not-allowed',
  'filtered-in',
  'port-failed',
  // On the way up.
  'mac1-wrong',
  'rate-limited',
  'ring-full',
] as const

/** Why a packet or datagram went no further. */
export type DropReason = (typeof DROP_REASONS)[number]

export type DropCounters = Readonly<Record<DropReason, number>>

/** What the node reads of the fast path at any time, without asking it. */
export interface PeerMeters {
  meter(peer: PeerIndex): PeerMeter
}

/** The fast path as the node's programs see it. */
export interface Datapath extends PeerMeters {
  tell(command: DatapathCommand): void
  drops(): DropCounters
  /** The node is alive. Without a beat for `HEARTBEAT_LIMIT` no packet passes. */
  beat(): void
  close(): Promise<void>
}

/** Milliseconds. */
export const HEARTBEAT_LIMIT = 15_000
/** Tunnel packets that wait for a session, for each peer. */
export const STAGED_LIMIT = 128
/** Reports under way to the node that strangers can cause: datagrams and handshakes. */
export const RING_SLOTS = 256
/** Sealed datagrams for relays under way to the node, or from relays under way from it, beside those: a burst of traffic keeps no probe from the node. */
export const RELAYED_SLOTS = 1024
const RELAYED_SLOT_BYTES = 1024
/** The largest handshake or other datagram that goes up, in bytes; longer ones are `malformed-datagram`. */
export const RING_SLOT_BYTES = 1500
/** Datagrams a second that go up at length, and at once. */
export const UP_RATE = 2000
export const UP_BURST = 512

/** Of the `RELAYED_SLOTS`. */
export const relayedSlots = ({ bytes }: DatagramRun): number =>
  Math.max(1, Math.ceil(bytes.length / RELAYED_SLOT_BYTES))
