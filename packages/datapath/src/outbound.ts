import { type Family, type Instant, ipFromBytes } from '@weft/base'
import { VERDICT_ACCEPT_NEW, VERDICT_DROP } from '@weft/filter'
import {
  addressLength,
  buildTooBig,
  destinationOffset,
  ipTotalLength,
  ipVersion,
  SEGMENTS_NONE,
  Segmenter,
  VIRTIO_HEADER,
  VirtioHeader,
} from '@weft/packet'
import { MESSAGE_TRANSPORT, type PeerIndex, TAG, TRANSPORT_HEADER } from '@weft/wireguard'
import type { DropReason } from './datapath.ts'
import type { ForwarderPeer } from './forwarder-peer.ts'
import { type ForwarderState, MAX_PACKET_BYTES, OWN_PACKET_OFFSET, PACKET_SLOT_BYTES } from './forwarder-state.ts'
import type { Session } from './peer-sessions.ts'
import { SendQueue } from './send-queue.ts'

const PADDING_MULTIPLE = 16
const LEAST_IPV6_MTU = 1280

/** The way out: allowed IPs → filter → session → segments → seal → path. */
export class Outbound {
  readonly #state: ForwarderState
  /** Where packets are built that do not come from the packet port. */
  readonly #own: number
  readonly #queue: SendQueue
  readonly #segmenter: Segmenter
  readonly #virtio = new VirtioHeader()
  /** Something in the queue is for a relay. */
  #hasRelayed = false

  constructor(state: ForwarderState, scratch: { readonly own: number; readonly queue: number }) {
    this.#state = state
    this.#own = scratch.own + OWN_PACKET_OFFSET
    this.#queue = new SendQueue(scratch.queue)
    this.#segmenter = new Segmenter(state.memory, state.summed)
  }

  /** A packet whose checksums are complete. Why it went no further, where it did not. */
  fromPort(offset: number, length: number, now: Instant): DropReason | undefined {
    this.#virtio.kind = SEGMENTS_NONE
    return this.#forward(offset, length, now)
  }

  /** A virtio header and a packet, which perhaps stands for many. */
  fromVirtioPort(offset: number, length: number, now: Instant): DropReason | undefined {
    const virtio = this.#virtio
    if (length < VIRTIO_HEADER) return 'not-ip'
    virtio.read(this.#state.memory, offset)
    const packet = offset + VIRTIO_HEADER
    const packetLength = length - VIRTIO_HEADER
    if (virtio.kind === SEGMENTS_NONE && !this.#segmenter.completeChecksum(packet, packetLength, virtio))
      return 'not-ip'
    return this.#forward(packet, packetLength, now)
  }

  /** As `fromPort`, for a packet that lies elsewhere. */
  sendPacket(packet: Uint8Array, now: Instant): DropReason | undefined {
    return this.#take(packet) ? this.fromPort(this.#own, packet.length, now) : 'not-ip'
  }

  /** To the packet port. */
  deliver(packet: Uint8Array): DropReason | undefined {
    if (!this.#take(packet)) return 'not-ip'
    return this.#state.outlet.deliver(this.#own, packet.length) ? undefined : 'port-failed'
  }

  /** An empty packet; without a session to send it with, one is wanted. */
  sendKeepalive(peer: ForwarderPeer, now: Instant): DropReason | undefined {
    const session = peer.sessions.current
    if (session?.canSend(now)) return this.#send(peer, session, this.#own, 0, now)
    this.#wantSession(peer)
    return undefined
  }

  /** Sends what waited for the session that there now is. */
  releaseStaged(peer: ForwarderPeer, now: Instant): void {
    peer.wantsSession = false
    for (;;) {
      const session = peer.sessions.current
      if (!session?.canSend(now)) return
      const packet = peer.staged.shift()
      if (packet === undefined) return
      this.#take(packet)
      this.#state.drop(this.#send(peer, session, this.#own, packet.length, now))
    }
  }

  /** Sends what was sealed. */
  flush(): void {
    const queue = this.#queue
    if (queue.count === 0) return
    if (this.#hasRelayed) queue.keep(this.#goesNotUp)
    this.#hasRelayed = false
    if (queue.count > 0) this.#state.drop('send-failed', this.#state.outlet.send(queue))
    queue.clear()
  }

  #forward(offset: number, length: number, now: Instant): DropReason | undefined {
    const state = this.#state
    const { memory } = state
    if (state.isSilent) return 'node-silent'
    const total = ipTotalLength(memory, offset, length)
    if (total === 0) return 'not-ip'
    const family = ipVersion(memory, offset, total) as Family
    const peer = state.peer(state.allowedIps.ownerOf(memory, destinationOffset(memory, offset), family))
    if (peer === undefined) return this.#takeForNode(offset, total, family, now)
    const isWhole = this.#virtio.kind === SEGMENTS_NONE
    const limit = segmentLimit(peer)
    if (!isWhole && !this.#segmenter.begin(offset, total, this.#virtio, limit)) return 'not-ip'
    const isCut = !isWhole || (total > limit && this.#segmenter.beginTcpData(offset, total, limit))
    const longest = isCut ? this.#segmenter.longest : total
    if (isTooBig(peer, longest, family)) return this.#answerTooBig(peer, offset, total)
    if (state.isFiltering) {
      const verdict = state.filter.outbound(memory, offset, total, now)
      if (verdict === VERDICT_DROP) return 'filtered-out'
      if (verdict === VERDICT_ACCEPT_NEW) state.reportFlow(peer.index, 'out', offset, total, now)
    }
    const session = peer.sessions.current
    if (!session?.canSend(now)) return this.#stage(peer, offset, total, isCut)
    return isCut ? this.#sendSegments(peer, session, now) : this.#send(peer, session, offset, total, now)
  }

  /** Only packets that no peer is there for come here, so that those of sessions pay nothing for it. */
  #takeForNode(offset: number, length: number, family: Family, now: Instant): DropReason | undefined {
    const state = this.#state
    if (state.nodeAddresses.size === 0) return 'no-peer'
    const at = destinationOffset(state.memory, offset)
    const destination = ipFromBytes(state.memory.subarray(at, at + addressLength(family)))
    if (!state.nodeAddresses.has(destination)) return 'no-peer'
    return state.up.nodePacket(state.memory.subarray(offset, offset + length), now)
  }

  #stage(peer: ForwarderPeer, offset: number, length: number, isCut: boolean): DropReason | undefined {
    this.#wantSession(peer)
    const { memory } = this.#state
    if (!isCut) return peer.staged.push(memory, offset, length) ? undefined : 'staging-full'
    const segmenter = this.#segmenter
    for (let bytes = segmenter.nextLength; bytes > 0; bytes = segmenter.nextLength) {
      segmenter.next(this.#own)
      if (!peer.staged.push(memory, this.#own, bytes)) this.#state.drop('staging-full')
    }
    return undefined
  }

  #wantSession(peer: ForwarderPeer): void {
    if (peer.wantsSession) return
    peer.wantsSession = true
    this.#state.outlet.report({ kind: 'session-wanted', peer: peer.index })
  }

  #sendSegments(peer: ForwarderPeer, session: Session, now: Instant): DropReason | undefined {
    if (peer.path === undefined) return 'no-path'
    const segmenter = this.#segmenter
    for (let bytes = segmenter.nextLength; bytes > 0; bytes = segmenter.nextLength) {
      if (!session.canSend(now)) return 'counter-exhausted'
      const padded = paddedLength(bytes, peer)
      const slot = this.#reserve(peer, padded)
      segmenter.next(slot + TRANSPORT_HEADER)
      this.#seal(peer, session, slot, bytes, padded, now)
    }
    return undefined
  }

  #send(peer: ForwarderPeer, session: Session, offset: number, length: number, now: Instant): DropReason | undefined {
    const { memory } = this.#state
    if (peer.path === undefined) return 'no-path'
    // The path may have come, or become narrower, while the packet waited for a session.
    if (length > peer.path.mtu && isTooBig(peer, length, ipVersion(memory, offset, length) as Family))
      return this.#answerTooBig(peer, offset, length)
    const padded = paddedLength(length, peer)
    const slot = this.#reserve(peer, padded)
    memory.copyWithin(slot + TRANSPORT_HEADER, offset, offset + length)
    this.#seal(peer, session, slot, length, padded, now)
    return undefined
  }

  #reserve(peer: ForwarderPeer, padded: number): number {
    const bytes = TRANSPORT_HEADER + padded + TAG
    const slot = this.#queue.reserve(peer.index, bytes)
    if (slot >= 0) return slot
    this.flush()
    return this.#queue.reserve(peer.index, bytes)
  }

  /** The packet lies in the slot: the header goes before it, padding and tag behind. */
  #seal(peer: ForwarderPeer, session: Session, slot: number, length: number, padded: number, now: Instant): void {
    const state = this.#state
    const packet = slot + TRANSPORT_HEADER
    if (padded > length) state.memory.fill(0, packet + length, packet + padded)
    this.#writeHeader(slot, session)
    session.sealing.seal(session.counterLow, session.counterHigh, packet, padded)
    session.advanceCounter()
    const bytes = TRANSPORT_HEADER + padded + TAG
    this.#queue.push(peer.index, bytes)
    if (peer.path?.route.kind === 'relayed') this.#hasRelayed = true
    state.meters.onSent(peer.index, bytes, length > 0, now)
    if (peer.watchesSent) state.reportActivity(peer, 'sent')
    if (session.becameDueBySending(now))
      state.outlet.report({ kind: 'rekey-due', peer: peer.index, localIndex: session.localIndex })
  }

  #writeHeader(start: number, session: Session): void {
    const { view } = this.#state
    view.setUint32(start, MESSAGE_TRANSPORT, true)
    view.setUint32(start + 4, session.remoteIndex, true)
    view.setUint32(start + 8, session.counterLow, true)
    view.setUint32(start + 12, session.counterHigh, true)
  }

  /** Whether the run is for a direct path; one for a relay has gone up to the node. */
  readonly #goesNotUp = (index: number): boolean => {
    const state = this.#state
    const queue = this.#queue
    const peer = queue.peer(index) as PeerIndex
    const route = state.peer(peer)?.path?.route
    if (route?.kind !== 'relayed') return true
    const offset = queue.offset(index)
    const run = { bytes: state.memory.slice(offset, offset + queue.bytes(index)), stride: queue.stride(index) }
    state.drop(state.up.deliver({ kind: 'relayed', relay: route.relay, peer, run }), queue.datagrams(index))
    return false
  }

  #answerTooBig(peer: ForwarderPeer, offset: number, length: number): DropReason {
    const state = this.#state
    const answer = buildTooBig(state.memory.subarray(offset, offset + length), peer.path?.mtu ?? 0)
    if (answer !== undefined && this.#take(answer)) state.outlet.deliver(this.#own, answer.length)
    return 'too-big'
  }

  #take(packet: Uint8Array): boolean {
    if (packet.length > PACKET_SLOT_BYTES - OWN_PACKET_OFFSET) return false
    this.#state.memory.set(packet, this.#own)
    return true
  }
}

/** IPv6 is sent all the same up to its least MTU, for its sender would not go below: RFC 8200 §5. */
function isTooBig({ path }: ForwarderPeer, length: number, family: Family): boolean {
  return path !== undefined && length > (family === 6 ? Math.max(path.mtu, LEAST_IPV6_MTU) : path.mtu)
}

/** The longest segment of TCP for the peer. */
function segmentLimit(peer: ForwarderPeer): number {
  return peer.path === undefined ? MAX_PACKET_BYTES : Math.min(peer.path.mtu, peer.segmentLimit)
}

/** WireGuard paper §5.4.6, but never beyond what the path carries, as other implementations do it, nor into fragments. */
function paddedLength(length: number, peer: ForwarderPeer): number {
  const limit = segmentLimit(peer)
  const padded = Math.ceil(length / PADDING_MULTIPLE) * PADDING_MULTIPLE
  return Math.max(length, Math.min(padded, length <= limit ? limit : (peer.path?.mtu ?? limit)))
}
