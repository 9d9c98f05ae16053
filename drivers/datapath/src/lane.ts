import type { Duration, Instant } from '@weft/base'
import {
  type DatapathCommand,
  type DatapathReport,
  type DirectPath,
  Drops,
  Forwarder,
  type ForwarderOutlet,
  PACKET_HEADROOM,
  PACKET_SLOT_BYTES,
  PACKET_TAILROOM,
  type Path,
} from '@weft/datapath'
import type { CryptoProvider } from '@weft/keys'
import { Arena, SystemError, type WakeSignal } from '@weft/native'
import type { PeerIndex } from '@weft/wireguard'
import { arenaCiphers } from './arena-cipher.ts'
import { Heartbeat } from './heartbeat.ts'
import type { LaneCommand, LaneMemory, LaneMessage } from './lane-messages.ts'
import type { PacketPort } from './packet-port.ts'
import { PollSet } from './poll-set.ts'
import { ReportQueue } from './report-queue.ts'
import type { UdpSocket } from './udp-socket.ts'
import { MAX_SOCKETS, Underlay } from './underlay.ts'

/** A lane that waits for longer keeps its process from ending: nothing interrupts a thread within `poll`. */
const WAIT_STEP = 250
/** Packets or datagrams of one descriptor before the next one has its turn. */
const BATCH = 64
const SLOTS = 4

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
 * The arena has four slots: the packet or datagram in hand, and two of the forwarder's own. A slot's content lasts until the next read.
 */
export class Lane implements ForwarderOutlet {
  readonly #port: PacketPort
  readonly #wake: WakeSignal
  readonly #clock: () => Instant
  readonly #receive: () => LaneCommand | undefined
  readonly #arena = new Arena(SLOTS * PACKET_SLOT_BYTES + 64)
  readonly #packetSlot = this.#arena.take(PACKET_SLOT_BYTES)
  readonly #datagramSlot = this.#arena.take(PACKET_SLOT_BYTES)
  readonly #poll = new PollSet(FIRST_SOCKET + MAX_SOCKETS)
  readonly #underlay = new Underlay()
  readonly #reports: ReportQueue
  readonly #heartbeat: Heartbeat
  readonly #drops: Drops
  readonly #forwarder: Forwarder
  #source: UdpSocket | undefined
  #isStopped = false

  constructor(options: LaneOptions) {
    this.#port = options.port
    this.#wake = options.wake
    this.#clock = options.clock
    this.#receive = options.receive
    const control = new Int32Array(options.memory.control)
    this.#reports = new ReportQueue(options.post, control)
    this.#heartbeat = new Heartbeat(control, options.heartbeatLimit, options.clock())
    this.#drops = new Drops(options.memory.drops)
    this.#forwarder = new Forwarder({
      memory: this.#arena.bytes,
      scratch: this.#arena.take(2 * PACKET_SLOT_BYTES),
      crypto: options.crypto,
      cipher: arenaCiphers(this.#arena),
      meters: options.memory.meters,
      drops: options.memory.drops,
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
    if (this.#poll.isReadable(WAKE) && this.#takeCommands(now)) return
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
  }

  send(peer: PeerIndex, offset: number, length: number): boolean {
    return this.#underlay.sendToPeer(peer, this.#arena.base + offset, length)
  }

  deliver(offset: number, length: number): boolean {
    return this.#port.write(this.#arena.base + offset, length)
  }

  report(report: DatapathReport): void {
    this.#reports.report(report)
  }

  offer(report: DatapathReport): boolean {
    return this.#reports.offer(report)
  }

  origin(): Path {
    if (this.#source === undefined) throw new Error('no datagram in hand')
    return this.#source.origin()
  }

  follow(peer: PeerIndex): DirectPath | undefined {
    return this.#source === undefined ? undefined : this.#underlay.follow(peer, this.#source)
  }

  /** How many packets there were. */
  #readPort(now: Instant): number {
    const at = this.#packetSlot + PACKET_HEADROOM
    const room = PACKET_SLOT_BYTES - PACKET_HEADROOM - PACKET_TAILROOM
    for (let i = 0; i < BATCH; i++) {
      const length = this.#port.read(this.#arena.base + at, room)
      if (length === 0) return i
      this.#forwarder.fromPort(at, length, now)
    }
    return BATCH
  }

  #readSocket(socket: UdpSocket, now: Instant): void {
    this.#source = socket
    for (let i = 0; i < BATCH; i++) {
      const length = socket.receive(this.#arena.base + this.#datagramSlot, PACKET_SLOT_BYTES)
      if (length < 0) return
      if (socket.hasOrigin) this.#forwarder.fromSocket(this.#datagramSlot, length, now)
      else this.#drops.count('malformed-datagram')
    }
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
        this.#underlay.setMark(command.mark, (socket, code) => this.report({ kind: 'socket-failed', socket, code }))
        break
      case 'send-datagram':
        if (!this.#underlay.send(command.path, command.datagram)) this.#drops.count('send-failed')
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

  #watchDescriptors(): void {
    this.#poll.set([this.#wake.fd, this.#port.fd, ...this.#underlay.sockets.map((socket) => socket.fd)])
  }
}
