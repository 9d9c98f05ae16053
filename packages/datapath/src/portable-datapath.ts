import { type Core, type Family, type Instant, invariant, type Now } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import {
  type DatapathCommand,
  type DatapathReport,
  type DirectPath,
  type DropCounters,
  HEARTBEAT_LIMIT,
  type PeerMeter,
  type PeerMeters,
  RELAYED_SLOTS,
  RING_SLOTS,
  relayedSlots,
  type SocketId,
} from './datapath.ts'
import { Forwarder } from './forwarder.ts'
import {
  FORWARDER_SCRATCH_BYTES,
  type ForwarderOutlet,
  MAX_PACKET_BYTES,
  PACKET_SLOT_BYTES,
} from './forwarder-state.ts'
import { DROPS_BYTES, Drops, METERS_BYTES } from './meters.ts'
import { portableCiphers } from './portable-cipher.ts'
import type { SealedRuns } from './send-queue.ts'

type SocketResult = Extract<
  DatapathReport,
  { readonly kind: 'socket-opened' | 'socket-failed' | 'mark-set' | 'mark-refused' }
>

/** What the portable fast path is told: the node's commands, and what its owner's sockets and packet port bring. */
export type PortableInput =
  | DatapathCommand
  | { readonly kind: 'port-packet'; readonly packet: Uint8Array }
  /** `path.remote` is the sender. */
  | { readonly kind: 'received'; readonly datagram: Uint8Array; readonly path: DirectPath }
  /** The owner's answer to an `open-socket` or `set-mark` output. */
  | { readonly kind: 'socket-result'; readonly result: SocketResult }
  | { readonly kind: 'beat' }

/** What its owner has to do; byte arrays are the owner's. */
export type PortableOutput =
  | { readonly kind: 'report'; readonly report: DatapathReport }
  | { readonly kind: 'to-port'; readonly packet: Uint8Array }
  /** `whole`: with IPv4's Don't Fragment. */
  | {
      readonly kind: 'send'
      readonly path: DirectPath
      readonly datagram: Uint8Array
      readonly whole: boolean
    }
  | { readonly kind: 'open-socket'; readonly socket: SocketId; readonly family: Family; readonly port: number }
  | { readonly kind: 'close-socket'; readonly socket: SocketId }
  | { readonly kind: 'set-mark'; readonly mark: number }

/** Where a packet or datagram in hand begins in its slot: what comes before it is the forwarder's to use. */
const IN_HAND = 16

/**
 * The fast path in TypeScript alone, for tests, for programs without a TUN, and for browsers: a forwarder, told the time,
 * whose sockets and packet port are inputs and outputs. Slower than a lane by far, and the same in everything else.
 */
export class PortableDatapath implements Core<PortableInput, PortableOutput>, PeerMeters {
  readonly #forwarder: Forwarder
  readonly #drops: Drops
  /** The packet or datagram in hand, then the forwarder's own slots. */
  readonly #memory = new Uint8Array(PACKET_SLOT_BYTES + FORWARDER_SCRATCH_BYTES)
  readonly #paths = new Map<PeerIndex, DirectPath>()
  readonly #sockets = new Set<SocketId>()
  readonly #outputs: PortableOutput[] = []
  /** Reports among the outputs that others can cause many of. */
  readonly #bounded = new Set<PortableOutput>()
  /** How many of the `RELAYED_SLOTS` are taken. */
  #relayed = 0
  #origin: DirectPath | undefined
  #lastBeat: Instant | undefined

  constructor(options: { readonly crypto: CryptoProvider }) {
    const { crypto } = options
    const drops = new ArrayBuffer(DROPS_BYTES)
    this.#drops = new Drops(drops)
    this.#forwarder = new Forwarder({
      memory: this.#memory,
      scratch: PACKET_SLOT_BYTES,
      crypto,
      cipher: portableCiphers(this.#memory, crypto),
      meters: new ArrayBuffer(METERS_BYTES),
      drops,
      joins: 'none',
      outlet: this.#outlet(),
    })
  }

  handle(input: PortableInput, now: Now): void {
    const { instant } = now
    if (input.kind === 'beat') this.#lastBeat = instant
    this.#lastBeat ??= instant
    this.#forwarder.setSilent(instant - this.#lastBeat > HEARTBEAT_LIMIT)
    switch (input.kind) {
      case 'beat':
        break
      case 'port-packet':
        this.#onPortPacket(input.packet, instant)
        break
      case 'received':
        this.#onDatagram(input.datagram, input.path, instant)
        break
      case 'socket-result':
        if (input.result.kind === 'socket-opened') this.#sockets.add(input.result.socket)
        this.#outputs.push({ kind: 'report', report: input.result })
        break
      default:
        this.#obey(input, instant)
    }
    this.#forwarder.flush()
  }

  /** It has no deadlines. */
  wake(_now: Now): void {}

  poll(): PortableOutput | undefined {
    const output = this.#outputs.shift()
    if (output?.kind === 'report' && output.report.kind === 'relayed') this.#relayed -= relayedSlots(output.report.run)
    else if (output !== undefined) this.#bounded.delete(output)
    return output
  }

  nextTimeout(): undefined {
    return undefined
  }

  meter(peer: PeerIndex): PeerMeter {
    return this.#forwarder.meter(peer)
  }

  drops(): DropCounters {
    return this.#forwarder.drops()
  }

  /** Wipes every key. Nothing passes any more. */
  close(): void {
    this.#forwarder.close()
  }

  #onPortPacket(packet: Uint8Array, now: Instant): void {
    if (packet.length > MAX_PACKET_BYTES) {
      this.#drops.count('not-ip')
      return
    }
    this.#memory.set(packet, IN_HAND)
    this.#forwarder.fromPort(IN_HAND, packet.length, now)
  }

  #onDatagram(datagram: Uint8Array, path: DirectPath, now: Instant): void {
    if (datagram.length > PACKET_SLOT_BYTES - IN_HAND) {
      this.#drops.count('malformed-datagram')
      return
    }
    this.#memory.set(datagram, IN_HAND)
    this.#origin = path
    this.#forwarder.fromSocket(IN_HAND, datagram.length, now)
    this.#origin = undefined
  }

  #obey(command: DatapathCommand, now: Instant): void {
    switch (command.kind) {
      case 'open-socket':
        this.#outputs.push(command)
        break
      case 'close-socket':
        this.#sockets.delete(command.socket)
        this.#outputs.push(command)
        break
      case 'set-mark':
        this.#outputs.push(command)
        break
      case 'send-datagram':
        if (!this.#send(command.path, command.datagram, command.whole)) this.#drops.count('send-failed')
        break
      case 'set-path':
        if (command.path?.route.kind === 'direct') this.#paths.set(command.peer, command.path.route)
        else this.#paths.delete(command.peer)
        this.#forwarder.command(command, now)
        break
      case 'remove-peer':
        this.#paths.delete(command.peer)
        this.#forwarder.command(command, now)
        break
      default:
        this.#forwarder.command(command, now)
    }
  }

  #send(path: DirectPath | undefined, datagram: Uint8Array, whole = false): boolean {
    if (path === undefined || !this.#sockets.has(path.socket)) return false
    this.#outputs.push({ kind: 'send', path, datagram, whole })
    return true
  }

  #sendRuns(runs: SealedRuns): number {
    let lost = 0
    for (let run = 0; run < runs.count; run++) {
      const path = this.#paths.get(runs.peer(run) as PeerIndex)
      const end = runs.offset(run) + runs.bytes(run)
      for (let at = runs.offset(run); at < end; at += runs.stride(run))
        if (!this.#send(path, this.#memory.slice(at, Math.min(end, at + runs.stride(run))))) lost += 1
    }
    return lost
  }

  #outlet(): ForwarderOutlet {
    return {
      send: (runs) => this.#sendRuns(runs),
      deliver: (offset, length) => {
        this.#outputs.push({ kind: 'to-port', packet: this.#memory.slice(offset, offset + length) })
        return true
      },
      deliverParts: () => false,
      report: (report) => {
        this.#outputs.push({ kind: 'report', report })
      },
      offer: (report) => this.#offer(report),
      origin: () => this.#currentOrigin(),
      follow: (peer) => this.#follow(peer),
    }
  }

  #offer(report: DatapathReport): boolean {
    const output: PortableOutput = { kind: 'report', report }
    if (report.kind === 'relayed') {
      const slots = relayedSlots(report.run)
      if (this.#relayed + slots > RELAYED_SLOTS) return false
      this.#relayed += slots
    } else {
      if (this.#bounded.size >= RING_SLOTS) return false
      this.#bounded.add(output)
    }
    this.#outputs.push(output)
    return true
  }

  #follow(peer: PeerIndex): DirectPath | undefined {
    const origin = this.#currentOrigin()
    const path = this.#paths.get(peer)
    if (
      path !== undefined &&
      path.socket === origin.socket &&
      path.remote === origin.remote &&
      path.local === origin.local
    )
      return undefined
    this.#paths.set(peer, origin)
    return origin
  }

  #currentOrigin(): DirectPath {
    invariant(this.#origin !== undefined, 'a datagram is in hand')
    return this.#origin
  }
}
