import { type Duration, type Instant, invariant } from '@weft/base'
import { sessionCiphers } from '@weft/crypto'
import {
  type DatapathCommand,
  type DatapathReport,
  type DirectPath,
  Drops,
  FORWARDER_SCRATCH_BYTES,
  Forwarder,
  type ForwarderOutlet,
  PACKET_SLOT_BYTES,
  type Path,
  relayedSlots,
  type SealedRuns,
} from '@weft/datapath'
import type { CryptoProvider } from '@weft/keys'
import { Arena, SystemError, type WakeSignal } from '@weft/native'
import { type PacketParts, VIRTIO_HEADER } from '@weft/packet'
import type { PeerIndex } from '@weft/wireguard'
import { Heartbeat } from './heartbeat.ts'
import { IncomingBatch } from './incoming-batch.ts'
import { type LaneCommand, type LaneMemory, type LaneMessage, RECEIVED_RELAYED } from './lane-messages.ts'
import type { PacketPort, PortOffloads } from './packet-port.ts'
import { PollSet } from './poll-set.ts'
import { ReportQueue } from './report-queue.ts'
import type { UdpSocket } from './udp-socket.ts'
import { MAX_SOCKETS, Underlay } from './underlay.ts'

/** A lane that waits for longer keeps its process from ending: nothing interrupts a thread within `poll`. */
const WAIT_STEP = 250
/** Packets, and bytes of them, that are read before the sockets have their turn again. */
const PORT_BATCH = 64
const PORT_BATCH_BYTES = 256 * 1024
/** Messages that one call brings from a socket, and how many calls before the port has its turn. */
const SOCKET_BATCH = 32
const SOCKET_CALLS = 4
/** Where the packet in hand begins, behind its virtio header if there is one: where it is summed fast. */
const IN_HAND = 16

const WAKE = 0
const PORT = 1
const FIRST_SOCKET = 2

export interface LaneOptions {
  readonly port: PacketPort
  readonly wake: WakeSignal
  readonly clock: () => Instant
  readonly crypto: CryptoProvider
  readonly memory: LaneMemory
  readonly heartbeatLimit: Duration
  /** The next command, or `undefined`. */
  readonly receive: () => LaneCommand | undefined
  readonly post: (message: LaneMessage) => void
}

/**
 * One thread's share of the fast path: a loop over `poll` that never returns to the thread's event loop. It brings packets
 * and datagrams to the forwarder and moves what that decides; commands come when the wake signal rings.
 *
 * The arena has a slot for the packet in hand, slots for the messages of one call, and what is the forwarder's own. A slot's
 * content lasts until the next read.
 */
export class Lane implements ForwarderOutlet {
  readonly #port: PacketPort
  readonly #wake: WakeSignal
  readonly #clock: () => Instant
  readonly #receive: () => LaneCommand | undefined
  readonly #arena = new Arena((1 + SOCKET_BATCH) * PACKET_SLOT_BYTES + FORWARDER_SCRATCH_BYTES + 64, true)
  readonly #packetSlot = this.#arena.take(PACKET_SLOT_BYTES)
  readonly #messageSlots = this.#arena.take(SOCKET_BATCH * PACKET_SLOT_BYTES)
  readonly #incoming = new IncomingBatch({
    address: this.#arena.base + this.#messageSlots,
    bytes: PACKET_SLOT_BYTES,
    count: SOCKET_BATCH,
  })
  readonly #poll = new PollSet(FIRST_SOCKET + MAX_SOCKETS)
  readonly #underlay = new Underlay((peer, bytes) => this.#forwarder.narrow(peer, bytes))
  readonly #control: Int32Array
  readonly #reports: ReportQueue
  readonly #heartbeat: Heartbeat
  readonly #drops: Drops
  readonly #forwarder: Forwarder
  /** The message in hand; -1: none. */
  #message = -1
  /** The peer that was last followed by it: all datagrams of a message come from one place. */
  #followed = -1
  #isStopped = false

  constructor(options: LaneOptions) {
    this.#port = options.port
    this.#wake = options.wake
    this.#clock = options.clock
    this.#receive = options.receive
    const control = new Int32Array(options.memory.control)
    this.#control = control
    this.#reports = new ReportQueue(options.post, control)
    this.#heartbeat = new Heartbeat(control, options.heartbeatLimit, options.clock())
    this.#drops = new Drops(options.memory.drops)
    this.#forwarder = new Forwarder({
      memory: this.#arena.bytes,
      scratch: this.#arena.take(FORWARDER_SCRATCH_BYTES),
      crypto: options.crypto,
      cipher: sessionCiphers(this.#arena),
      meters: options.memory.meters,
      drops: options.memory.drops,
      joins: joinsOf(options.port.offloads),
      outlet: this,
    })
    this.#watchDescriptors()
  }

  /** Until it is told to stop. Throws a `SystemError` when the packet port is gone. */
  run(): void {
    while (!this.#isStopped) this.step(WAIT_STEP)
  }

  /** Waits once, at most so many milliseconds, and does what there is to do. */
  step(timeout: number): void {
    this.#poll.wait(timeout)
    const now = this.#clock()
    this.#forwarder.setSilent(this.#heartbeat.isSilent(now))
    // Commands first: what the node tells before a packet comes holds for it.
    const haveSocketsChanged = this.#poll.isReadable(WAKE) && this.#takeCommands(now)
    if (!haveSocketsChanged) this.#read(now)
    this.#forwarder.flush()
  }

  #read(now: Instant): void {
    this.#underlay.sockets.forEach((socket, i) => {
      if (this.#poll.isReadable(FIRST_SOCKET + i)) this.#readSocket(socket, now)
    })
    const isPortEmpty = !this.#poll.isReadable(PORT) || this.#readPort(now) === 0
    if (isPortEmpty && this.#poll.isBroken(PORT)) throw new SystemError('read', 'EBADFD')
  }

  /** Wipes keys and closes sockets and port. */
  close(): void {
    this.#forwarder.close()
    this.#underlay.closeAll()
    this.#port.close()
    this.#arena.release()
  }

  send(runs: SealedRuns): number {
    return this.#underlay.sendRuns(runs, this.#arena.base)
  }

  deliver(offset: number, length: number): boolean {
    if (!this.#port.offloads.virtioHeader) return this.#port.write(this.#arena.base + offset, length)
    const start = offset - VIRTIO_HEADER
    this.#arena.bytes.fill(0, start, offset)
    return this.#port.write(this.#arena.base + start, VIRTIO_HEADER + length)
  }

  deliverParts(parts: PacketParts): boolean {
    const { base } = this.#arena
    for (let part = 0; part < parts.count; part++) this.#port.addPart(base + parts.offset(part), parts.length(part))
    return this.#port.writeParts()
  }

  report(report: DatapathReport): void {
    this.#reports.report(report)
  }

  offer(report: DatapathReport): boolean {
    return this.#reports.offer(report)
  }

  origin(): Path {
    invariant(this.#message >= 0, 'a datagram is in hand')
    return this.#incoming.origin(this.#message)
  }

  follow(peer: PeerIndex): DirectPath | undefined {
    if (this.#message < 0 || this.#followed === peer) return undefined
    this.#followed = peer
    return this.#underlay.follow(peer, this.#incoming, this.#message)
  }

  /** How many packets there were. */
  #readPort(now: Instant): number {
    const hasHeader = this.#port.offloads.virtioHeader
    const at = this.#packetSlot + IN_HAND - (hasHeader ? VIRTIO_HEADER : 0)
    for (let i = 0, bytes = 0; i < PORT_BATCH; i++) {
      const length = this.#port.read(this.#arena.base + at, PACKET_SLOT_BYTES - IN_HAND)
      if (length === 0) return i
      if (hasHeader) this.#forwarder.fromVirtioPort(at, length, now)
      else this.#forwarder.fromPort(at, length, now)
      bytes += length
      if (bytes >= PORT_BATCH_BYTES) return i + 1
    }
    return PORT_BATCH
  }

  #readSocket(socket: UdpSocket, now: Instant): void {
    for (let call = 0; call < SOCKET_CALLS; call++) {
      const count = this.#incoming.receive(socket.fd, socket.family, socket.id)
      for (let message = 0; message < count; message++) this.#readMessage(message, now)
      this.#forwarder.flush()
      if (count < SOCKET_BATCH) return
    }
  }

  #readMessage(message: number, now: Instant): void {
    if (!this.#incoming.hasOrigin(message)) {
      this.#drops.count('malformed-datagram')
      return
    }
    this.#message = message
    this.#followed = -1
    const start = this.#messageSlots + message * PACKET_SLOT_BYTES
    const length = this.#incoming.length(message)
    const stride = this.#incoming.stride(message)
    // An empty datagram is one, too.
    let at = 0
    do {
      this.#forwarder.fromSocket(start + at, Math.min(stride, length - at), now)
      at += stride
    } while (at < length)
    this.#message = -1
  }

  /** True where they changed what is waited for: what `poll` has seen then no longer holds. */
  #takeCommands(now: Instant): boolean {
    const before = this.#underlay.sockets
    this.#wake.clear()
    for (let command = this.#receive(); command !== undefined; command = this.#receive()) {
      if (command.kind === 'stop') this.#isStopped = true
      else this.#obey(command, now)
    }
    return this.#underlay.sockets !== before
  }

  #obey(command: DatapathCommand, now: Instant): void {
    switch (command.kind) {
      case 'open-socket':
        this.#openSocket(command)
        break
      case 'close-socket':
        this.#underlay.close(command.socket)
        this.#watchDescriptors()
        break
      case 'set-mark':
        this.#setMark(command.mark)
        break
      case 'send-datagram':
        if (!this.#underlay.send(command) && !command.whole) this.#drops.count('send-failed')
        break
      case 'set-path':
        this.#underlay.setPath(command.peer, command.path?.route)
        this.#forwarder.command(command, now)
        break
      case 'remove-peer':
        this.#forwarder.command(command, now)
        this.#underlay.setPath(command.peer, undefined)
        break
      case 'install-session':
        this.#forwarder.command(command, now)
        command.session.sendKey.fill(0)
        command.session.receiveKey.fill(0)
        break
      case 'receive-relayed':
        Atomics.add(this.#control, RECEIVED_RELAYED, relayedSlots(command.run))
        this.#forwarder.command(command, now)
        break
      default:
        this.#forwarder.command(command, now)
    }
  }

  #openSocket(command: Extract<DatapathCommand, { kind: 'open-socket' }>): void {
    const { socket, family } = command
    try {
      const { port } = this.#underlay.open(socket, family, command.port)
      this.#watchDescriptors()
      this.report({ kind: 'socket-opened', socket, family, port })
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      this.report({ kind: 'socket-failed', socket, code: error.code })
    }
  }

  #setMark(mark: number): void {
    try {
      this.#underlay.setMark(mark)
      this.report({ kind: 'mark-set', mark })
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      this.report({ kind: 'mark-refused', mark, code: error.code })
    }
  }

  #watchDescriptors(): void {
    this.#poll.set([this.#wake.fd, this.#port.fd, ...this.#underlay.sockets.map((socket) => socket.fd)])
  }
}

function joinsOf(offloads: PortOffloads): 'none' | 'tcp' | 'tcp-udp' {
  if (!offloads.virtioHeader) return 'none'
  return offloads.udpSegments ? 'tcp-udp' : 'tcp'
}
