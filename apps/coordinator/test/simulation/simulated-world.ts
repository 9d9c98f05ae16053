import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Endpoint, endpointParts, type Instant, type IpAddress, instant, type Now } from '@weft/base'
import { ipTotalLength } from '@weft/packet'
import { ManualClock, type SeededRandom } from '@weft/testing'
import { SimulatedCoordinator, SimulatedSocket } from './simulated-coordinator.ts'
import { SimulatedDevice } from './simulated-device.ts'

/** In every packet of a program, and in nothing else: whoever finds it on the wire has read a packet. */
export const MARKER = 'in-the-clear'
const LATENCY = 10
/** After which the coordinator gives up a silent channel, in ms. */
const SERVER_SILENCE = 15_000
/** As many wakings of one machine at one moment, and it does nothing else any more. */
const MOST_WAKINGS = 1_000

/** One WebSocket: what is under way waits while the two are parted. */
interface Line {
  readonly device: SimulatedDevice
  readonly connection: number
  readonly coordinator: SimulatedCoordinator
  readonly socket: SimulatedSocket
  readonly waiting: (() => void)[]
  isOpenAtClient: boolean
  isOpenAtServer: boolean
}

interface Event {
  readonly at: Instant
  readonly happen: () => void
}

/** Machines, a coordinator and the net between them, told the time: the same for the same random source. */
export class SimulatedWorld {
  readonly devices: SimulatedDevice[] = []
  readonly directory: string
  coordinator: SimulatedCoordinator | undefined
  /** Fraction of datagrams that are lost. */
  loss = 0
  datagrams = 0
  readonly random: SeededRandom
  readonly #clock = new ManualClock()
  readonly #events: Event[] = []
  #lines: Line[] = []
  /** Whether the coordinator was given something to do since it last rested. */
  #isCoordinatorBusy = true
  #groups = new Map<SimulatedDevice | 'coordinator', number>()
  #starts = 0
  #lastHost = 0

  constructor(random: SeededRandom) {
    this.random = random
    this.directory = mkdtempSync(join(memoryDirectory(), 'weft-simulation-'))
  }

  get now(): Now {
    return this.#clock.now()
  }

  async startCoordinator(): Promise<void> {
    const directory = join(this.directory, String(this.#starts))
    this.coordinator = await SimulatedCoordinator.start({ directory, clock: this.#clock.now, random: this.random })
  }

  /** In order: what is under way is done. */
  async stopCoordinator(): Promise<void> {
    const { coordinator } = this
    if (coordinator === undefined) return
    this.coordinator = undefined
    coordinator.leave()
    this.#closeLines(({ device }) => this.#isCut(device))
    await coordinator.close()
  }

  /** As if the power failed at this very moment: another goes on from what lies on the disk. */
  async crashCoordinator(): Promise<void> {
    const { coordinator } = this
    if (coordinator === undefined) return
    this.coordinator = undefined
    this.#starts++
    coordinator.imageTo(join(this.directory, String(this.#starts)))
    coordinator.leave()
    this.#closeLines(({ device }) => this.#isCut(device))
    await coordinator.close()
  }

  async addDevice(label: string): Promise<SimulatedDevice | undefined> {
    const link = await this.coordinator?.link()
    if (link === undefined) return undefined
    const device = new SimulatedDevice(this, { label, address: this.newAddress(), link, random: this.random })
    this.devices.push(device)
    device.start()
    return device
  }

  newAddress(): IpAddress {
    this.#lastHost++
    return `198.51.${this.#lastHost >> 8}.${this.#lastHost & 255}` as IpAddress
  }

  /** Each goes to one of so many groups at random; there is no way between two of them. */
  part(groups: number): void {
    for (const each of [...this.devices, 'coordinator' as const]) this.#groups.set(each, this.random.below(groups))
  }

  heal(): void {
    this.#groups = new Map()
    for (const line of this.#lines) this.#flush(line)
  }

  /** Lets time pass. */
  async run(milliseconds: number): Promise<void> {
    this.#isCoordinatorBusy = true
    const end = instant(this.now.instant + milliseconds)
    for (let wakings = 0; ; ) {
      await this.#coordinatorRests()
      const next = this.#nextMoment()
      if (next === undefined || next > end) break
      wakings = next > this.now.instant ? 0 : wakings + 1
      assert.ok(
        wakings < MOST_WAKINGS * (this.devices.length + 1),
        'time stands still: somebody asks to be woken again and again',
      )
      this.#clock.advanceTo(next)
      this.#step()
    }
    this.#clock.advanceTo(end)
  }

  send(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    this.datagrams++
    assert.ok(!Buffer.from(datagram).includes(MARKER), 'a packet was sent in the clear')
    assert.notEqual(ipTotalLength(datagram, 0, datagram.length), datagram.length, 'a packet was sent in the clear')
    const sender = this.#deviceAt(endpointParts(from).address)
    if (this.random.chance(this.loss)) return
    this.#after(LATENCY + this.random.below(5), () => {
      const receiver = this.#deviceAt(endpointParts(to).address)
      if (sender === undefined || receiver === undefined || receiver.isAsleep || this.#areParted(sender, receiver))
        return
      receiver.receive(from, to, datagram)
    })
  }

  connect(device: SimulatedDevice, connection: number): void {
    this.#after(LATENCY, () => {
      const { coordinator } = this
      if (this.#isCut(device) || device.isAsleep) return
      if (coordinator === undefined) {
        device.tellClient({ kind: 'closed', connection, reason: 'connection refused' })
        return
      }
      const socket = new SimulatedSocket(
        (frame) =>
          this.#carry(line, () => line.isOpenAtClient && device.tellClient({ kind: 'received', connection, frame })),
        () => this.#closeAtServer(line, LATENCY),
      )
      const line: Line = {
        device,
        connection,
        coordinator,
        socket,
        waiting: [],
        isOpenAtClient: true,
        isOpenAtServer: true,
      }
      this.#lines = [...this.#lines.filter((each) => each.isOpenAtClient || each.isOpenAtServer), line]
      device.tellClient({ kind: 'connected', connection })
      coordinator.accept(socket, device.address)
      this.#isCoordinatorBusy = true
    })
  }

  disconnect(device: SimulatedDevice, connection: number): void {
    for (const line of this.#linesOf(device).filter((each) => each.connection === connection)) this.#hangUp(line)
  }

  sendFrame(device: SimulatedDevice, connection: number, frame: Uint8Array): void {
    const line = this.#linesOf(device).find((each) => each.connection === connection)
    if (line === undefined) return
    this.#carry(line, () => {
      this.#isCoordinatorBusy = true
      if (line.isOpenAtServer) line.socket.emit('message', frame, true)
    })
  }

  onCrash(device: SimulatedDevice): void {
    for (const line of this.#linesOf(device)) {
      line.isOpenAtClient = false
      this.#closeAtServer(line, SERVER_SILENCE)
    }
  }

  /** Its connections were of the old address. */
  onRoam(device: SimulatedDevice): void {
    for (const line of this.#linesOf(device)) {
      this.#closeAtServer(line, SERVER_SILENCE)
      line.waiting.splice(0)
    }
  }

  async close(): Promise<void> {
    this.coordinator?.leave()
    for (const line of this.#lines) if (line.isOpenAtServer) this.#end(line)
    await this.coordinator?.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #step(): void {
    while (this.#events[0] !== undefined && this.#events[0].at <= this.now.instant) this.#events.shift()?.happen()
    if (this.coordinator?.wake() === true) this.#isCoordinatorBusy = true
    for (const device of this.devices) {
      const due = device.nextTimeout()
      if (due === undefined || due > this.now.instant) continue
      if (device.isAsleep) this.#rise(device)
      device.wake()
    }
  }

  #rise(device: SimulatedDevice): void {
    device.asleepUntil = undefined
    for (const line of this.#linesOf(device)) this.#flush(line)
  }

  /** What the coordinator does takes turns of the event loop, and no time. */
  async #coordinatorRests(): Promise<void> {
    if (!this.#isCoordinatorBusy) return
    this.#isCoordinatorBusy = false
    for (let turns = 2; turns > 0; turns--) await new Promise<void>((resolve) => setImmediate(resolve))
  }

  #nextMoment(): Instant | undefined {
    const moments = [
      this.#events[0]?.at,
      this.coordinator?.nextTimeout(),
      ...this.devices.map((each) => each.nextTimeout()),
    ]
    const next = Math.min(...moments.filter((moment) => moment !== undefined))
    return Number.isFinite(next) ? instant(Math.max(next, this.now.instant)) : undefined
  }

  #after(milliseconds: number, happen: () => void): void {
    const at = instant(this.now.instant + milliseconds)
    const place = this.#events.findIndex((event) => event.at > at)
    this.#events.splice(place < 0 ? this.#events.length : place, 0, { at, happen })
  }

  #carry(line: Line, arrive: () => void): void {
    line.waiting.push(arrive)
    this.#after(LATENCY, () => this.#flushOne(line))
  }

  #flushOne(line: Line): void {
    if (!this.#isCut(line.device) && !line.device.isAsleep) line.waiting.shift()?.()
  }

  #flush(line: Line): void {
    for (let left = line.waiting.length; left > 0; left--) this.#after(LATENCY, () => this.#flushOne(line))
  }

  #hangUp(line: Line): void {
    line.isOpenAtClient = false
    this.#closeAtServer(line, this.#isCut(line.device) ? SERVER_SILENCE : LATENCY)
  }

  #closeAtServer(line: Line, after: number): void {
    this.#after(after, () => {
      if (!line.isOpenAtServer) return
      this.#end(line)
      if (line.isOpenAtClient && !this.#isCut(line.device))
        this.#carry(line, () => line.isOpenAtClient && this.#closeAtClient(line))
    })
  }

  #closeAtClient(line: Line): void {
    line.isOpenAtClient = false
    line.device.tellClient({ kind: 'closed', connection: line.connection })
  }

  #end(line: Line): void {
    line.isOpenAtServer = false
    this.#isCoordinatorBusy = true
    line.socket.emit('close')
  }

  #closeLines(isCut: (line: Line) => boolean): void {
    for (const line of this.#lines) {
      if (line.isOpenAtServer) this.#end(line)
      if (line.isOpenAtClient && !isCut(line))
        this.#after(LATENCY, () => line.isOpenAtClient && this.#closeAtClient(line))
    }
  }

  #linesOf(device: SimulatedDevice): readonly Line[] {
    return this.#lines.filter((line) => line.device === device && (line.isOpenAtClient || line.isOpenAtServer))
  }

  #deviceAt(address: IpAddress): SimulatedDevice | undefined {
    return this.devices.find((each) => each.address === address && each.isRunning)
  }

  #isCut(device: SimulatedDevice): boolean {
    return this.#areParted(device, 'coordinator')
  }

  #areParted(a: SimulatedDevice, b: SimulatedDevice | 'coordinator'): boolean {
    return (this.#groups.get(a) ?? 0) !== (this.#groups.get(b) ?? 0)
  }
}

/** A disk that takes no time where the system has one: what is tested is not the disk. */
function memoryDirectory(): string {
  return statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory() === true ? '/dev/shm' : tmpdir()
}
