import { assertNever, type DatagramRun, datagramCount, type Family, type Instant } from '@weft/base'
import { VERDICT_ACCEPT_NEW, VERDICT_DROP } from '@weft/filter'
import { Coalescer, ECHO_HEADER, ipTotalLength, ipVersion, isEchoReply, PacketView, sourceOffset } from '@weft/packet'
import { type PeerIndex, TAG, TRANSPORT_HEADER } from '@weft/wireguard'
import { datagramKind } from './datagram-kind.ts'
import type { DropReason, Path, RelayedPath } from './datapath.ts'
import type { ForwarderPeer } from './forwarder-peer.ts'
import { type ForwarderState, MAX_PACKET_BYTES, PACKET_SLOT_BYTES } from './forwarder-state.ts'
import type { Outbound } from './outbound.ts'
import { isCounterExhausted, type Session } from './peer-sessions.ts'

/** Tokens that are waited for at a time; the oldest is forgotten for a new one. */
const EXPECTED_ECHOES = 64

/** The way in: receiver index → open → replay window → allowed IPs → filter → packet port. */
export class Inbound {
  readonly #state: ForwarderState
  readonly #outbound: Outbound
  /** Where datagrams lie that came by relay. */
  readonly #relayed: number
  readonly #packet = new PacketView()
  readonly #coalescer: Coalescer | undefined
  readonly #origin = (): Path => this.#relay ?? this.#state.outlet.origin()
  #relay: RelayedPath | undefined
  #expectedEchoes: readonly Uint8Array[] = []

  constructor(
    state: ForwarderState,
    outbound: Outbound,
    options: { readonly scratch: number; readonly joins: 'none' | 'tcp' | 'tcp-udp' },
  ) {
    this.#state = state
    this.#outbound = outbound
    this.#relayed = options.scratch
    this.#coalescer = options.joins === 'none' ? undefined : this.#makeCoalescer(options.joins === 'tcp-udp')
  }

  /** Why the datagram, or the packet in it, went no further, where it did not. */
  fromSocket(offset: number, length: number, now: Instant): DropReason | undefined {
    const state = this.#state
    const kind = datagramKind(state.memory, offset, length)
    switch (kind) {
      case 'transport':
        return state.isSilent ? 'node-silent' : this.#open(offset, length, now)
      case 'handshake':
        return state.up.handshake(state.memory.subarray(offset, offset + length), this.#origin, now)
      case 'cookie-reply':
        return state.up.cookieReply(state.memory.subarray(offset, offset + length), this.#origin, now)
      case 'other':
        return state.up.datagram(state.memory.subarray(offset, offset + length), this.#origin, now)
      case 'malformed':
        return 'malformed-datagram'
      default:
        return assertNever(kind)
    }
  }

  /** Packets that follow each other are delivered as one, as those of a socket are. */
  fromRelay(path: RelayedPath, run: DatagramRun, now: Instant): void {
    const state = this.#state
    const { bytes, stride } = run
    const count = datagramCount(run)
    if (bytes.length > PACKET_SLOT_BYTES) {
      state.drop('malformed-datagram', count)
      return
    }
    state.memory.set(bytes, this.#relayed)
    this.#relay = path
    try {
      for (let i = 0, at = 0; i < count; i++, at += stride)
        state.drop(this.fromSocket(this.#relayed + at, Math.min(stride, bytes.length - at), now))
    } finally {
      this.flush()
      this.#relay = undefined
    }
  }

  /** Delivers what was joined; until then the datagrams stay where they are. */
  flush(): void {
    this.#coalescer?.flush()
  }

  expectEcho(token: Uint8Array): void {
    this.#expectedEchoes = [...this.#expectedEchoes.slice(1 - EXPECTED_ECHOES), token]
  }

  #open(offset: number, length: number, now: Instant): DropReason | undefined {
    const state = this.#state
    const session = state.sessions.find(state.view.getInt32(offset + 4, true))
    if (session === undefined) return 'unknown-receiver'
    if (session.isExpired(now)) return 'session-expired'
    const low = state.view.getUint32(offset + 8, true)
    const high = state.view.getUint32(offset + 12, true)
    if (isCounterExhausted(low, high)) return 'counter-exhausted'
    const packet = offset + TRANSPORT_HEADER
    const packetLength = length - TRANSPORT_HEADER - TAG
    if (!session.opening.open(low, high, packet, packetLength)) return 'not-authentic'
    if (!session.window.accept(low, high)) return 'replayed'
    const peer = state.peer(session.peer)
    if (peer === undefined) return 'unknown-receiver'
    this.#onAuthentic(peer, session, length, packetLength > 0, now)
    return packetLength > 0 ? this.#accept(peer.index, packet, packetLength, now) : undefined
  }

  #onAuthentic(peer: ForwarderPeer, session: Session, bytes: number, isData: boolean, now: Instant): void {
    const state = this.#state
    const { localIndex } = session
    state.meters.onReceived(peer.index, bytes, isData, now)
    if (peer.sessions.confirm(session)) {
      state.outlet.report({ kind: 'session-confirmed', peer: peer.index, localIndex, path: this.#origin() })
      this.#outbound.releaseStaged(peer, now)
    }
    if (peer.roams) this.#follow(peer)
    if (peer.watchesReceived) state.reportActivity(peer, 'received')
    if (session.becameDueByReceiving(now)) state.outlet.report({ kind: 'rekey-due', peer: peer.index, localIndex })
  }

  #follow(peer: ForwarderPeer): void {
    if (this.#relay !== undefined) return
    const { outlet } = this.#state
    const route = outlet.follow(peer.index)
    if (route === undefined) return
    peer.path = { route, mtu: peer.path?.mtu ?? MAX_PACKET_BYTES }
    outlet.report({ kind: 'path-changed', peer: peer.index, path: route })
  }

  #accept(peer: PeerIndex, offset: number, length: number, now: Instant): DropReason | undefined {
    const state = this.#state
    const { memory } = state
    const total = ipTotalLength(memory, offset, length)
    if (total === 0) return 'malformed-packet'
    // What was decided for the packets that it joins holds for it.
    if (this.#coalescer?.join(offset, total, peer)) return undefined
    const family = ipVersion(memory, offset, total) as Family
    const owner = state.allowedIps.ownerOf(memory, sourceOffset(memory, offset), family)
    if (owner !== peer) return 'source-not-allowed'
    if (state.isFiltering) {
      const verdict = state.filter.inbound(memory, offset, total, now)
      if (verdict === VERDICT_DROP) return 'filtered-in'
      if (verdict === VERDICT_ACCEPT_NEW) state.reportFlow(peer, 'in', offset, total, now)
    }
    if (this.#expectedEchoes.length > 0 && this.#isExpectedEcho(offset, total))
      return state.up.deliver({ kind: 'echo', peer, packet: memory.slice(offset, offset + total), at: now })
    if (this.#coalescer?.begin(offset, total, peer)) return undefined
    return state.outlet.deliver(offset, total) ? undefined : 'port-failed'
  }

  #makeCoalescer(joinsUdp: boolean): Coalescer {
    const state = this.#state
    const { outlet, summed } = state
    return new Coalescer(
      state.memory,
      {
        deliver: (offset, length) => {
          if (!outlet.deliver(offset, length)) state.drop('port-failed')
        },
        deliverParts: (parts, packets) => {
          if (!outlet.deliverParts(parts)) state.drop('port-failed', packets)
        },
      },
      { joinsUdp, summed },
    )
  }

  #isExpectedEcho(offset: number, length: number): boolean {
    const packet = this.#packet
    if (!packet.read(this.#state.memory, offset, length) || !isEchoReply(packet)) return false
    const data = packet.transportOffset + ECHO_HEADER
    const dataLength = packet.transportLength - ECHO_HEADER
    return this.#expectedEchoes.some((token) => token.length <= dataLength && this.#holdsAt(data, token))
  }

  #holdsAt(offset: number, token: Uint8Array): boolean {
    const { memory } = this.#state
    return token.every((byte, i) => memory[offset + i] === byte)
  }
}
