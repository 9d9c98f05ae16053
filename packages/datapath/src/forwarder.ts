import { assertNever, type Instant } from '@weft/base'
import type { PeerIndex, TransportSession } from '@weft/wireguard'
import type { DatapathCommand, DropCounters, PeerMeter, PeerMeters } from './datapath.ts'
import type { ForwarderPeer } from './forwarder-peer.ts'
import { type ForwarderOptions, ForwarderState, PACKET_SLOT_BYTES } from './forwarder-state.ts'
import { Inbound } from './inbound.ts'
import { Outbound } from './outbound.ts'
import { Session } from './peer-sessions.ts'
import { segmentLimitBelow } from './segment-limit.ts'

/** What a forwarder is told: all but what concerns sockets, which are its owner's. */
export type ForwarderCommand = Exclude<
  DatapathCommand,
  { readonly kind: 'open-socket' | 'close-socket' | 'set-mark' | 'send-datagram' }
>
type PeerCommand = Exclude<
  Extract<ForwarderCommand, { readonly peer: PeerIndex }>,
  { readonly kind: 'add-peer' | 'remove-peer' }
>

/**
 * Every decision of the fast path, over one memory, without any input or output of its own: which peer a packet is for, with
 * which session it is sealed or opened, what is accepted, counted, staged, reported. Its owner brings packets and datagrams
 * by their offset and moves what the outlet is handed. Nothing is allocated for a packet of a known flow and session.
 *
 * A tunnel packet is copied, or cut, into the queue where it is sealed and waits with others until `flush`. A datagram is
 * opened where it lies. What the outlet is handed stays where it is until the outlet returns.
 */
export class Forwarder implements PeerMeters {
  readonly #state: ForwarderState
  readonly #outbound: Outbound
  readonly #inbound: Inbound

  constructor(options: ForwarderOptions) {
    this.#state = new ForwarderState(options)
    const relayed = options.scratch + PACKET_SLOT_BYTES
    this.#outbound = new Outbound(this.#state, { own: options.scratch, queue: relayed + PACKET_SLOT_BYTES })
    this.#inbound = new Inbound(this.#state, this.#outbound, { scratch: relayed, joins: options.joins })
  }

  /** A tunnel packet from the packet port, its checksums complete. */
  fromPort(offset: number, length: number, now: Instant): void {
    this.#state.drop(this.#outbound.fromPort(offset, length, now))
  }

  /** A virtio header and a tunnel packet behind it, from a packet port that leaves checksums and segments to us. */
  fromVirtioPort(offset: number, length: number, now: Instant): void {
    this.#state.drop(this.#outbound.fromVirtioPort(offset, length, now))
  }

  /** A datagram from an underlay socket. */
  fromSocket(offset: number, length: number, now: Instant): void {
    this.#state.drop(this.#inbound.fromSocket(offset, length, now))
  }

  /**
   * Sends what was sealed and delivers what was joined: to be called when nothing more is at hand, and before the memory of
   * datagrams is used anew.
   */
  flush(): void {
    this.#inbound.flush()
    this.#outbound.flush()
  }

  /** Datagrams of so many bytes are too long to be sent to the peer in one call: from now on segments are made shorter. */
  narrow(peer: PeerIndex, datagramBytes: number): void {
    const known = this.#state.peer(peer)
    if (known !== undefined) known.segmentLimit = segmentLimitBelow(datagramBytes)
  }

  /** While the node does not answer, no packet passes. */
  setSilent(isSilent: boolean): void {
    this.#state.isSilent = isSilent
  }

  meter(peer: PeerIndex): PeerMeter {
    return this.#state.meters.meter(peer)
  }

  drops(): DropCounters {
    return this.#state.drops.read()
  }

  /** A command for a peer that is not there does nothing. */
  command(command: ForwarderCommand, now: Instant): void {
    const state = this.#state
    switch (command.kind) {
      case 'set-local-keys':
        state.up.setLocalKeys(command.keys)
        break
      case 'set-cookie-secret':
        state.up.setCookieSecret(command.key, command.secret)
        break
      case 'add-peer':
        state.addPeer(command.peer, command.roams ?? false)
        break
      case 'remove-peer':
        state.removePeer(command.peer)
        break
      case 'set-filter':
        state.isFiltering = command.rules !== 'off'
        state.filter.setRules(command.rules === 'off' ? [] : command.rules)
        break
      case 'receive-relayed':
        this.#inbound.fromRelay({ kind: 'relayed', relay: command.relay }, command.run, now)
        break
      case 'send-packet':
        state.drop(this.#outbound.sendPacket(command.packet, now))
        break
      case 'expect-echo':
        this.#inbound.expectEcho(command.token)
        break
      case 'set-node-addresses':
        state.nodeAddresses = new Set(command.addresses)
        break
      case 'deliver-packet':
        state.drop(this.#outbound.deliver(command.packet))
        break
      default:
        this.#commandPeer(command, now)
    }
  }

  /** Wipes every key. Nothing passes any more. */
  close(): void {
    this.#state.forgetAllSessions()
  }

  #commandPeer(command: PeerCommand, now: Instant): void {
    const state = this.#state
    const peer = state.peer(command.peer)
    if (peer === undefined) return
    switch (command.kind) {
      case 'set-allowed-ips':
        state.setAllowedIps(peer.index, command.prefixes)
        break
      case 'set-path':
        peer.path = command.path
        peer.segmentLimit = Number.MAX_SAFE_INTEGER
        break
      case 'install-session':
        this.#install(peer, command.session, now)
        break
      case 'forget-sessions':
        peer.sessions.forget()
        break
      case 'retire-sessions':
        peer.sessions.retire()
        break
      case 'send-keepalive':
        state.drop(this.#outbound.sendKeepalive(peer, now))
        break
      case 'drop-staged':
        peer.wantsSession = false
        state.drop('staging-dropped', peer.staged.clear())
        break
      case 'watch-activity':
        peer.watch(command.activity)
        state.reportActivity(peer, command.activity)
        break
      default:
        assertNever(command)
    }
  }

  #install(peer: ForwarderPeer, keys: TransportSession, now: Instant): void {
    const session = new Session(peer.index, keys, this.#state.cipher)
    this.#state.meters.onHandshake(peer.index)
    if (keys.role === 'responder') {
      peer.sessions.installResponder(session)
    } else {
      peer.sessions.installInitiator(session)
      this.#outbound.releaseStaged(peer, now)
    }
  }
}
