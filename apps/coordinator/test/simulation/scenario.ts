import assert from 'node:assert/strict'
import { type IpAddress, instant, prefixContains } from '@weft/base'
import type { SeededRandom } from '@weft/testing'
import type { SimulatedDevice } from './simulated-device.ts'
import { SimulatedWorld } from './simulated-world.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const CLOCK_JUMPS = [-DAY, -HOUR, HOUR, DAY]
/** Until everybody has found each other again: the longest wait between tries to connect, and a look at who was refused. */
const QUIET = 180_000
const PING_TIMEOUT = 12_000
/** Of a device's peers in a large mesh so many are pinged. */
const MOST_ROUNDS = 4

/** What must be so, whatever happened: who was let in and is not removed reaches everybody who is too, by the address it was given. */
class ReferenceModel {
  /** Acknowledged: never another address. */
  readonly addresses = new Map<SimulatedDevice, IpAddress>()
  readonly removed = new Set<SimulatedDevice>()

  note(devices: readonly SimulatedDevice[]): void {
    for (const device of devices) {
      if (device.joined === undefined) continue
      const before = this.addresses.get(device) ?? device.joined.address4
      assert.equal(device.joined.address4, before, `${device.label} keeps its address`)
      this.addresses.set(device, before)
    }
  }

  get members(): readonly SimulatedDevice[] {
    return [...this.addresses.keys()].filter((device) => !this.removed.has(device))
  }
}

interface Pair {
  readonly from: SimulatedDevice
  readonly to: SimulatedDevice
}

export interface ScenarioResult {
  readonly devices: number
  readonly datagrams: number
  /** What was done, for people who look for a fault. */
  readonly steps: readonly string[]
}

/** One mesh, from its first start through so many random events to quiet, with the model held against it all along. */
export class Scenario {
  readonly #random: SeededRandom
  readonly #world: SimulatedWorld
  readonly #model = new ReferenceModel()
  readonly #most: number
  readonly steps: string[] = []
  #packets = 0

  constructor(random: SeededRandom, mostDevices: number) {
    this.#random = random
    this.#world = new SimulatedWorld(random)
    this.#most = mostDevices
  }

  async run(events: number): Promise<ScenarioResult> {
    try {
      await this.#world.startCoordinator()
      for (let count = 2 + this.#random.below(this.#most - 1); count > 0; count--) await this.#join()
      await this.#pass(2_000)
      for (let left = events; left > 0; left--) await this.#event()
      await this.#quieten()
      await this.#check()
      return { devices: this.#world.devices.length, datagrams: this.#world.datagrams, steps: this.steps }
    } finally {
      await this.#world.close()
    }
  }

  async #event(): Promise<void> {
    const events: readonly (() => Promise<void> | void)[] = [
      () => this.#pass(this.#random.below(5_000)),
      () => this.#pass(this.#random.below(200_000)),
      () => this.#join(),
      () => this.#restart('stop'),
      () => this.#restart('crash'),
      () => this.#leave(),
      () => this.#remove(),
      () => this.#partition(),
      () => this.#heal(),
      () => this.#roam(),
      () => this.#jump(),
      () => this.#sleep(),
      () => this.#weather(),
      () => this.#coordinator('stopCoordinator'),
      () => this.#coordinator('crashCoordinator'),
    ]
    this.#chatter()
    await this.#random.pick(events)()
    await this.#pass(this.#random.below(300))
    this.#model.note(this.#world.devices)
  }

  async #pass(milliseconds: number): Promise<void> {
    this.steps.push(`pass ${milliseconds} ms`)
    await this.#world.run(milliseconds)
  }

  async #join(): Promise<void> {
    if (this.#world.devices.length >= this.#most) return
    const device = await this.#world.addDevice(`device-${this.#world.devices.length}`)
    if (device !== undefined) this.steps.push(`join ${device.label}`)
  }

  async #restart(how: 'stop' | 'crash'): Promise<void> {
    const device = this.#pick((each) => each.isRunning)
    if (device === undefined) return
    this.steps.push(`${how} and start ${device.label}`)
    device[how]()
    await this.#world.run(this.#random.below(40_000))
    device.start()
  }

  #leave(): void {
    const device = this.#pick((each) => each.isRunning)
    if (device === undefined) return
    this.steps.push(`leave ${device.label}`)
    device.stop()
  }

  async #remove(): Promise<void> {
    const { coordinator } = this.#world
    const device = this.#pick((each) => this.#model.members.includes(each))
    if (coordinator === undefined || device === undefined || !this.#random.chance(0.3)) return
    this.steps.push(`remove ${device.label}`)
    await coordinator.core.removeDevice(coordinator.core.firstAccount, device.id)
    this.#model.removed.add(device)
  }

  #partition(): void {
    this.steps.push('partition')
    this.#world.part(2 + this.#random.below(2))
  }

  #heal(): void {
    this.steps.push('heal')
    this.#world.heal()
  }

  #roam(): void {
    const device = this.#pick((each) => each.isRunning && !each.isAsleep)
    if (device === undefined) return
    this.steps.push(`roam ${device.label}`)
    device.roam(this.#world.newAddress())
  }

  #jump(): void {
    const device = this.#pick(() => true)
    if (device === undefined) return
    const by = this.#random.pick(CLOCK_JUMPS)
    this.steps.push(`the clock of ${device.label} jumps by ${by / HOUR} h`)
    device.wallShift += by
  }

  async #sleep(): Promise<void> {
    const device = this.#pick((each) => each.isRunning && !each.isAsleep)
    if (device === undefined) return
    const long = this.#random.chance(0.1) ? DAY : this.#random.pick([60_000, 2_000_000])
    this.steps.push(`${device.label} sleeps for ${long / 1000} s`)
    device.asleepUntil = instant(this.#world.now.instant + long)
    if (long <= 60_000) await this.#world.run(long + 10)
  }

  #weather(): void {
    this.#world.loss = this.#random.pick([0, 0, 0.05, 0.3])
    this.steps.push(`loss ${this.#world.loss}`)
  }

  async #coordinator(how: 'stopCoordinator' | 'crashCoordinator'): Promise<void> {
    this.steps.push(how)
    await this.#world[how]()
    await this.#world.run(this.#random.below(60_000))
    await this.#world.startCoordinator()
  }

  /** Programs on some devices send packets to others. */
  #chatter(): void {
    for (let left = this.#random.below(6); left > 0; left--) {
      const [from, to] = [this.#pick((each) => each.isRunning && !each.isAsleep), this.#pick(() => true)]
      if (from !== undefined && to?.joined !== undefined && from !== to)
        from.sendTo(to.joined.address4, this.#packets++)
    }
  }

  /** Everything that was disturbed is right again; who sleeps wakes up, who left comes back. */
  async #quieten(): Promise<void> {
    this.#world.heal()
    this.#world.loss = 0
    for (const device of this.#world.devices) {
      device.wallShift = 0
      if (device.isAsleep) device.asleepUntil = this.#world.now.instant
      if (!device.isRunning) device.start()
    }
    if (this.#world.coordinator === undefined) await this.#world.startCoordinator()
    await this.#pass(QUIET)
    this.#model.note(this.#world.devices)
  }

  async #check(): Promise<void> {
    const { devices, coordinator } = this.#world
    const { members } = this.#model
    for (const device of devices) {
      assert.deepEqual(device.failures, [], `${device.label} has not failed`)
      assert.ok(device.joined !== undefined, `${device.label} was let in by its link`)
    }
    assert.equal(
      new Set(members.map((each) => this.#model.addresses.get(each))).size,
      members.length,
      'addresses are unique',
    )
    const held = coordinator?.core.state
    for (const member of members) {
      const row = held?.devices.get(member.id)
      assert.equal(row?.address4, this.#model.addresses.get(member), `the coordinator has not lost ${member.label}`)
      assert.ok(held !== undefined && prefixContains(held.range, row?.address4 ?? ('0.0.0.0' as IpAddress)))
      assert.ok(row?.peer.online, `${member.label} is online`)
      const others = members.filter((each) => each !== member).map(({ id }) => id)
      const known = member.status()?.peers.map(({ id }) => id) ?? []
      assert.deepEqual(known.toSorted(), others.toSorted(), `${member.label} knows its peers`)
      assert.deepEqual(member.status()?.refused, [], `${member.label} refuses nobody`)
    }
    await this.#checkPings()
  }

  async #checkPings(): Promise<void> {
    const { members, removed } = this.#model
    for (let round = 1; round < members.length && round <= MOST_ROUNDS; round++) {
      const pairs = members.map((from, i) => ({ from, to: members[(i + round) % members.length] ?? from }))
      // An answer may go out with the last breath of a session, and come too late: WireGuard asks for no more.
      const late = await this.#unanswered(pairs)
      const [lost] = await this.#unanswered(late)
      if (lost !== undefined)
        assert.fail(
          `${lost.from.label} reaches ${lost.to.label}\n${viewOf(lost.from, lost.to)}\n${viewOf(lost.to, lost.from)}`,
        )
    }
    const pairs = [...removed].flatMap((from) => members.slice(0, MOST_ROUNDS).map((to) => ({ from, to })))
    assert.equal((await this.#unanswered(pairs)).length, pairs.length, 'who was removed reaches nobody')
  }

  async #unanswered(pairs: readonly Pair[]): Promise<readonly Pair[]> {
    if (pairs.length === 0) return []
    const pings = pairs.map((pair) => ({ ...pair, token: pair.from.ping(pair.to.id, PING_TIMEOUT) }))
    await this.#world.run(PING_TIMEOUT)
    return pings.filter(({ from, token }) => from.outcomeOf(token) !== 'reply')
  }

  #pick(isFit: (device: SimulatedDevice) => boolean): SimulatedDevice | undefined {
    const fit = this.#world.devices.filter(isFit)
    return fit.length === 0 ? undefined : this.#random.pick(fit)
  }
}

/** What the one knows of the other, for people who look for a fault. */
function viewOf(from: SimulatedDevice, to: SimulatedDevice): string {
  const status = from.status()
  const peer = status?.peers.find(({ id }) => id === to.id)
  return `${from.label} at ${from.address} is ${status?.coordinator.state}, and knows of ${to.label}: ${JSON.stringify(peer)}; dropped ${JSON.stringify(from.drops())}`
}
