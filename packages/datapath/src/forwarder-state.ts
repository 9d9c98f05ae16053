import { type Family, type Instant, type IpAddress, invariant, ipFromBytes, type Prefix } from '@weft/base'
import { PacketFilter } from '@weft/filter'
import type { CryptoProvider } from '@weft/keys'
import { addressLength, type PacketParts, PacketView, SummedMemory } from '@weft/packet'
import { AllowedIps, type PeerIndex } from '@weft/wireguard'
import type { Activity, DatapathReport, DirectPath, DropReason, Path } from './datapath.ts'
import { ForwarderPeer } from './forwarder-peer.ts'
import { Drops, MAX_PEERS, Meters } from './meters.ts'
import { type CipherFactory, SessionIndex } from './peer-sessions.ts'
import { SEND_QUEUE_BYTES, type SealedRuns } from './send-queue.ts'
import { WayUp } from './way-up.ts'

/** The longest tunnel packet: an IPv6 header and the most that it can tell. */
export const MAX_PACKET_BYTES = 40 + 65_535
/** Room for one tunnel packet or datagram of any length with what it needs around it, and a multiple of 8. */
export const PACKET_SLOT_BYTES = 65_640
/** Where packets begin in slots of the forwarder's own: what a port wants before them has room there. */
export const OWN_PACKET_OFFSET = 16
/** What ciphers may use behind a tag. */
const CIPHER_SLACK_BYTES = 16
/** What the forwarder has for itself: packets it builds, datagrams that came by relay, and what waits to be sent. */
export const FORWARDER_SCRATCH_BYTES = 2 * PACKET_SLOT_BYTES + SEND_QUEUE_BYTES + CIPHER_SLACK_BYTES

/** Who moves the bytes for a forwarder: sockets and packet port, or what stands for them. */
export interface ForwarderOutlet {
  /** Sends each run on its peer's direct path, and answers how many of the datagrams could not be sent. */
  send(runs: SealedRuns): number
  /** Gives a packet to the packet port; the 10 bytes before it may be overwritten. False: it was not taken. */
  deliver(offset: number, length: number): boolean
  /** As `deliver`, of many packets as one with a virtio header: only where `joins` asks for that. */
  deliverParts(parts: PacketParts): boolean
  /** Answers a command, or tells of a session's state: never lost. */
  report(report: DatapathReport): void
  /** One of many; false: there is no room for it. */
  offer(report: DatapathReport): boolean
  /** Where the datagram in hand came from. */
  origin(): Path
  /** Sends to the peer by the way on which the datagram in hand came; the new path, where that is another one. */
  follow(peer: PeerIndex): DirectPath | undefined
}

export interface ForwarderOptions {
  /** Packets and datagrams are told by their offset in it. */
  readonly memory: Uint8Array
  /** Where in the memory `FORWARDER_SCRATCH_BYTES` are the forwarder's own; a multiple of 8. */
  readonly scratch: number
  readonly crypto: CryptoProvider
  readonly cipher: CipherFactory
  /** `METERS_BYTES` and `DROPS_BYTES` of zeroed memory, perhaps shared with readers in other threads. */
  readonly meters: ArrayBufferLike
  readonly drops: ArrayBufferLike
  /** Whether the packet port takes packets that stand for many: of TCP, or of UDP too. */
  readonly joins: 'none' | 'tcp' | 'tcp-udp'
  readonly outlet: ForwarderOutlet
}

/** What both directions know: peers, sessions, routes, the filter, the counters. */
export class ForwarderState {
  readonly memory: Uint8Array
  readonly view: DataView
  readonly summed: SummedMemory
  readonly cipher: CipherFactory
  readonly outlet: ForwarderOutlet
  readonly up: WayUp
  readonly allowedIps = new AllowedIps()
  readonly sessions = new SessionIndex()
  readonly filter = new PacketFilter()
  readonly meters: Meters
  readonly drops: Drops
  /** At which the node itself answers. */
  nodeAddresses: ReadonlySet<IpAddress> = new Set()
  isSilent = false
  isFiltering = true
  readonly #peers: (ForwarderPeer | undefined)[] = []
  readonly #packet = new PacketView()

  constructor(options: ForwarderOptions) {
    this.memory = options.memory
    this.view = new DataView(options.memory.buffer, options.memory.byteOffset, options.memory.byteLength)
    this.summed = new SummedMemory(options.memory)
    this.cipher = options.cipher
    this.outlet = options.outlet
    this.meters = new Meters(options.meters)
    this.drops = new Drops(options.drops)
    this.up = new WayUp({ crypto: options.crypto, offer: (report) => options.outlet.offer(report) })
  }

  peer(index: number): ForwarderPeer | undefined {
    return this.#peers[index]
  }

  addPeer(index: PeerIndex, roams: boolean): void {
    invariant(index >= 0 && index < MAX_PEERS, `a peer's number below ${MAX_PEERS}`)
    this.removePeer(index)
    while (this.#peers.length <= index) this.#peers.push(undefined)
    this.#peers[index] = new ForwarderPeer(index, roams, this.sessions)
    this.meters.reset(index)
  }

  removePeer(index: PeerIndex): void {
    const peer = this.#peers[index]
    if (peer === undefined) return
    this.allowedIps.removeOwner(index)
    peer.sessions.forget()
    this.drop('staging-dropped', peer.staged.clear())
    this.#peers[index] = undefined
  }

  setAllowedIps(index: PeerIndex, prefixes: readonly Prefix[]): void {
    this.allowedIps.removeOwner(index)
    for (const prefix of prefixes) this.allowedIps.set(prefix, index)
  }

  forgetAllSessions(): void {
    for (const peer of this.#peers) peer?.sessions.forget()
  }

  /** Counts what went no further; nothing where it did. */
  drop(reason: DropReason | undefined, times = 1): void {
    if (reason !== undefined) this.drops.count(reason, times)
  }

  /** Tells of the activity that was waited for, if it is there. */
  reportActivity(peer: ForwarderPeer, activity: Activity): void {
    if (activity === 'sent') {
      if (!peer.watchesSent || !this.meters.isUnanswered(peer.index)) return
      peer.watchesSent = false
    } else {
      if (!peer.watchesReceived || !this.meters.isOwed(peer.index)) return
      peer.watchesReceived = false
    }
    this.outlet.report({ kind: 'activity', peer: peer.index, activity })
  }

  /** The filter let in, or out, the first packet of a flow. */
  reportFlow(peer: PeerIndex, direction: 'in' | 'out', offset: number, length: number, now: Instant): void {
    const packet = this.#packet
    if (!packet.read(this.memory, offset, length)) return
    const reason = direction === 'in' ? this.filter.lastReason() : undefined
    const lost = this.up.deliver({
      kind: 'flow',
      flow: {
        peer,
        direction,
        protocol: packet.protocol,
        source: this.#address(packet.sourceOffset, packet.version),
        sourcePort: packet.sourcePort,
        destination: this.#address(packet.destinationOffset, packet.version),
        destinationPort: packet.destinationPort,
        ...(reason === undefined ? {} : { reason }),
        at: now,
      },
    })
    this.drop(lost)
  }

  #address(offset: number, family: Family): IpAddress {
    return ipFromBytes(this.memory.subarray(offset, offset + addressLength(family)))
  }
}
