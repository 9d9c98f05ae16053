import type { Family, Instant } from '@weft/base'
import { VERDICT_ACCEPT_NEW, VERDICT_DROP } from '@weft/filter'
import { buildTooBig, destinationOffset, ipTotalLength, ipVersion } from '@weft/packet'
import { MESSAGE_TRANSPORT, TAG, TRANSPORT_HEADER } from '@weft/wireguard'
import type { DropReason, Path } from './datapath.ts'
import type { ForwarderPeer } from './forwarder-peer.ts'
import { type ForwarderState, PACKET_HEADROOM, PACKET_SLOT_BYTES, PACKET_TAILROOM } from './forwarder-state.ts'
import type { Session } from './peer-sessions.ts'

const PADDING_MULTIPLE = 16

/** The way out: allowed IPs → filter → session → seal → path. */
export class Outbound {
  readonly #state: ForwarderState
  /** Where packets are built that do not come from the packet port. */
  readonly #own: number

  constructor(state: ForwarderState, scratch: number) {
    this.#state = state
    this.#own = scratch + PACKET_HEADROOM
  }

  /** Why the packet went no further, where it did not. */
  fromPort(offset: number, length: number, now: Instant): DropReason | undefined {
    const state = this.#state
    const { memory } = state
    if (state.isSilent) return 'node-silent'
    const total = ipTotalLength(memory, offset, length)
    if (total === 0) return 'not-ip'
    const family = ipVersion(memory, offset, total) as Family
    const peer = state.peer(state.allowedIps.ownerOf(memory, destinationOffset(memory, offset), family))
    if (peer === undefined) return 'no-peer'
    if (peer.path !== undefined && total > peer.path.mtu) return this.#answerTooBig(peer.path.mtu, offset, total)
    if (state.isFiltering) {
      const verdict = state.filter.outbound(memory, offset, total, now)
      if (verdict === VERDICT_DROP) return 'filtered-out'
      if (verdict === VERDICT_ACCEPT_NEW) state.reportFlow(peer.index, 'out', offset, total, now)
    }
    const session = peer.sessions.current
    return session?.canSend(now) ? this.#seal(peer, session, offset, total, now) : this.#stage(peer, offset, total)
  }

  /** As `fromPort`, for a packet that lies elsewhere. */
  sendPacket(packet: Uint8Array, now: Instant): DropReason | undefined {
    return this.#take(packet) ? this.fromPort(this.#own, packet.length, now) : 'not-ip'
  }

  /** An empty packet; without a session to send it with, one is wanted. */
  sendKeepalive(peer: ForwarderPeer, now: Instant): DropReason | undefined {
    const session = peer.sessions.current
    if (session?.canSend(now)) return this.#seal(peer, session, this.#own, 0, now)
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
      this.#state.drop(this.#seal(peer, session, this.#own, packet.length, now))
    }
  }

  #stage(peer: ForwarderPeer, offset: number, length: number): DropReason | undefined {
    this.#wantSession(peer)
    return peer.staged.push(this.#state.memory, offset, length) ? undefined : 'staging-full'
  }

  #wantSession(peer: ForwarderPeer): void {
    if (peer.wantsSession) return
    peer.wantsSession = true
    this.#state.outlet.report({ kind: 'session-wanted', peer: peer.index })
  }

  /** In place: the header goes before the packet, padding and tag behind it. */
  #seal(peer: ForwarderPeer, session: Session, offset: number, length: number, now: Instant): DropReason | undefined {
    const state = this.#state
    if (peer.path === undefined) return 'no-path'
    // The path may have come, or become narrower, while the packet waited for a session.
    if (length > peer.path.mtu) return this.#answerTooBig(peer.path.mtu, offset, length)
    const padded = paddedLength(length, peer.path.mtu)
    state.memory.fill(0, offset + length, offset + padded)
    const start = offset - TRANSPORT_HEADER
    this.#writeHeader(start, session)
    session.sealing.seal(session.counterLow, session.counterHigh, offset, padded, offset)
    session.advanceCounter()
    const bytes = TRANSPORT_HEADER + padded + TAG
    const lost = this.#send(peer, peer.path.route, start, bytes)
    if (lost !== undefined) return lost
    state.meters.onSent(peer.index, bytes, length > 0, now)
    if (peer.watchesSent) state.reportActivity(peer, 'sent')
    if (session.becameDueBySending(now))
      state.outlet.report({ kind: 'rekey-due', peer: peer.index, localIndex: session.localIndex })
    return undefined
  }

  #writeHeader(start: number, session: Session): void {
    const { view } = this.#state
    view.setUint32(start, MESSAGE_TRANSPORT, true)
    view.setUint32(start + 4, session.remoteIndex, true)
    view.setUint32(start + 8, session.counterLow, true)
    view.setUint32(start + 12, session.counterHigh, true)
  }

  #send(peer: ForwarderPeer, route: Path, offset: number, length: number): DropReason | undefined {
    const state = this.#state
    if (route.kind === 'direct') return state.outlet.send(peer.index, offset, length) ? undefined : 'send-failed'
    const datagram = state.memory.slice(offset, offset + length)
    return state.up.deliver({ kind: 'relayed', relay: route.relay, peer: peer.index, datagram })
  }

  #answerTooBig(mtu: number, offset: number, length: number): DropReason {
    const state = this.#state
    const answer = buildTooBig(state.memory.subarray(offset, offset + length), mtu)
    if (answer !== undefined && this.#take(answer)) state.outlet.deliver(this.#own, answer.length)
    return 'too-big'
  }

  #take(packet: Uint8Array): boolean {
    if (packet.length > PACKET_SLOT_BYTES - PACKET_HEADROOM - PACKET_TAILROOM) return false
    this.#state.memory.set(packet, this.#own)
    return true
  }
}

/** WireGuard paper §5.4.6, but never beyond what the path carries, as other implementations do it. */
function paddedLength(length: number, mtu: number): number {
  return Math.min(mtu, Math.ceil(length / PADDING_MULTIPLE) * PADDING_MULTIPLE)
}
