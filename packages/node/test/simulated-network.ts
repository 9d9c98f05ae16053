import {
  type DatagramRun,
  datagramsOf,
  type Endpoint,
  endpointOf,
  endpointParts,
  type Family,
  familyOf,
  type Instant,
  type IpAddress,
  instant,
  type Now,
  type Random,
  runOf,
  wallTime,
} from '@weft/base'
import type { Netmap } from '@weft/coordinator-protocol'
import { nativeCrypto } from '@weft/crypto'
import type { CryptoProvider, MeshId, NodeId } from '@weft/keys'
import {
  type InterfaceSettings,
  Node,
  type NodeInput,
  type NodeOutput,
  type PingOutcome,
  type RelayStanding,
  type StoredMembership,
} from '@weft/node'
import { type SimulatedInternet, Way, type Weather, WiredDatapath } from '@weft/testing'
import { answerStun } from '@weft/traversal'
import { RELAY, START, seededRandom, type TestDevice, type TestMesh } from './test-mesh.ts'

/** Milliseconds that a datagram is under way. */
export const LATENCY = 10
const RELAY_LATENCY = 25

interface InFlight {
  readonly at: Instant
  readonly from: Endpoint
  readonly to: Endpoint
  readonly datagram: Uint8Array
  /** Whom it is for; absent: whoever has the address. */
  readonly host?: string | undefined
}

export interface Relayed {
  readonly at: Instant
  readonly relay: NodeId
  readonly from: NodeId
  readonly to: Machine
  readonly datagram: Uint8Array
}

/** Machines on one wire, told the time; every datagram takes `LATENCY`. */
export class SimulatedNetwork {
  readonly machines: Machine[] = []
  readonly wire: InFlight[] = []
  readonly relayed: Relayed[] = []
  now: Now = START
  /** Of what goes directly; without it every datagram takes `LATENCY`. */
  #way: Way<InFlight> | undefined
  /** Somebody on the wire, who may change what passes. */
  tap: ((flight: InFlight) => InFlight) | undefined
  /** Routers between the machines; without it all are on one wire. */
  internet: SimulatedInternet | undefined
  /** Where STUN is answered, on the internet itself. */
  stunServers: readonly Endpoint[] = []
  /** Nothing passes directly. */
  isCut = false
  /** Bytes of the longest IP packet that passes; what is longer goes on in fragments, where IPv4 allows that. */
  mtu = 1500
  /** What is too long vanishes, fragments too. */
  isBlackHole = false
  /** Somebody who counts what machines send, but not by relay. */
  onSent: ((datagram: Uint8Array, to: Endpoint) => void) | undefined
  /** Carries what goes by relay. */
  isRelayUp = false
  /** What relays make of what they are to carry; each does as it should without it. */
  onRelayed: ((frame: Relayed) => readonly Relayed[]) | undefined
  /** All machines are on one LAN, and hear what is said there. */
  isLan = false

  setWeather(weather: Weather, random: Random): void {
    this.#way = new Way({ weather, random })
  }

  /** Runs until the moment is reached; answers how many datagrams were delivered. */
  run(milliseconds: number): number {
    const end = this.now.instant + milliseconds
    let delivered = 0
    for (;;) {
      const next = Math.min(
        this.wire[0]?.at ?? Infinity,
        this.relayed[0]?.at ?? Infinity,
        this.#way?.nextTimeout() ?? Infinity,
        ...this.machines.map((each) => each.nextTimeout() ?? Infinity),
      )
      if (next > end) break
      this.#advanceTo(Math.max(next, this.now.instant))
      delivered += this.#deliver()
      for (const machine of this.machines) machine.wake()
    }
    this.#advanceTo(end)
    return delivered
  }

  carries(to: Endpoint, datagram: Uint8Array, whole: boolean): boolean {
    const headers = familyOf(endpointParts(to).address) === 4 ? 28 : 48
    return datagram.length + headers <= this.mtu || !(whole || this.isBlackHole)
  }

  send(from: Endpoint, to: Endpoint, datagram: Uint8Array, sender: Machine): void {
    const at = instant(this.now.instant + LATENCY)
    if (this.internet === undefined) {
      const flight = { at, from, to, datagram }
      this.wire.push(this.tap?.(flight) ?? flight)
      return
    }
    this.onSent?.(datagram, to)
    if (this.isCut && !this.stunServers.includes(to)) return
    const { name } = sender.device
    const carried = this.internet.carry(name, from, to, this.now.instant)
    if (carried === undefined) return
    if (carried.host === undefined) this.#answerStun(carried, datagram)
    else this.#launch({ at, ...carried, datagram })
  }

  /** What a machine sends by a relay arrives at the node, if it is there. */
  sendByRelay(relay: NodeId, from: Machine, to: string, run: DatagramRun): void {
    const target = this.machines.find(({ device }) => device.id === to)
    if (!this.isRelayUp || target === undefined) return
    const at = instant(this.now.instant + RELAY_LATENCY)
    for (const datagram of datagramsOf(run)) {
      const frame = { at, relay, from: from.device.id, to: target, datagram: datagram.slice() }
      this.relayed.push(...(this.onRelayed?.(frame) ?? [frame]))
    }
    this.relayed.sort((a, b) => a.at - b.at)
  }

  sendOnLan(from: Machine, datagram: Uint8Array): void {
    for (const machine of this.machines)
      if (this.isLan && machine !== from && machine.isPlugged) machine.tell({ kind: 'came-on-lan', datagram })
  }

  #answerStun({ from, to }: { readonly from: Endpoint; readonly to: Endpoint }, datagram: Uint8Array): void {
    const answer = this.stunServers.includes(to) ? answerStun(datagram, from) : undefined
    const carried = answer && this.internet?.answer(to, from, this.now.instant)
    if (answer === undefined || carried?.host === undefined) return
    this.#launch({ at: instant(this.now.instant + 2 * LATENCY), ...carried, datagram: answer })
  }

  #launch(flight: InFlight): void {
    if (this.#way !== undefined) {
      this.#way.send(flight, flight.datagram.length, this.now.instant)
      return
    }
    this.wire.push(flight)
    this.wire.sort((a, b) => a.at - b.at)
  }

  #advanceTo(at: number): void {
    const by = at - this.now.instant
    this.now = { instant: instant(at), wall: wallTime(this.now.wall + by) }
  }

  #arrived(): InFlight | undefined {
    const first = this.wire[0]
    if (first !== undefined && first.at <= this.now.instant) return this.wire.shift()
    return this.#way?.take(this.now.instant)
  }

  #deliver(): number {
    let count = 0
    for (let flight = this.#arrived(); flight !== undefined; flight = this.#arrived()) {
      const { address, port } = endpointParts(flight.to)
      for (const machine of this.machines) {
        if (flight.host !== undefined && flight.host !== machine.device.name) continue
        if (machine.isPlugged && machine.addresses.includes(address) && machine.hears(address, port)) {
          machine.receive(flight.from, flight.to, flight.datagram)
          count++
        }
      }
    }
    while (this.relayed[0] !== undefined && this.relayed[0].at <= this.now.instant) {
      const { relay, from, to, datagram } = this.relayed.shift() as Relayed
      to.receiveByRelay(relay, from, datagram)
      count++
    }
    return count
  }
}

/** One machine: a node, its fast path, its addresses on the wire, and what came out of its interface. */
export class Machine {
  readonly device: TestDevice
  readonly node: Node
  readonly packets: Uint8Array[] = []
  readonly outputs: NodeOutput[] = []
  addresses: readonly IpAddress[]
  isPlugged = true
  settings: InterfaceSettings | undefined
  /** UDP ports that another program has. */
  readonly takenPorts = new Set<number>()
  hasIpv6 = true
  readonly #network: SimulatedNetwork
  readonly #datapath: WiredDatapath
  readonly #meshes = new Set<MeshId>()
  readonly #relays = new Map<NodeId, RelayStanding['state']>()
  #kept: readonly NodeId[] = []

  constructor(
    network: SimulatedNetwork,
    device: TestDevice,
    addresses: readonly string[],
    seed: number,
    crypto: CryptoProvider = nativeCrypto,
  ) {
    this.#network = network
    this.device = device
    this.addresses = addresses as readonly IpAddress[]
    this.#datapath = new WiredDatapath({
      crypto,
      now: () => network.now,
      addresses: () => this.addresses,
      onReport: (report) => this.node.handle({ kind: 'report', report }, network.now),
      send: (from, to, datagram, whole) => {
        if (this.isPlugged && network.carries(to, datagram, whole)) network.send(from, to, datagram, this)
      },
      onPacket: (packet) => void this.packets.push(packet),
      refusal: (family, port) => this.#refusalOf(family, port),
    })
    this.node = new Node({ crypto, random: seededRandom(seed), meters: this.#datapath.core })
    network.machines.push(this)
  }

  start(mesh: TestMesh, netmap?: Netmap): this {
    const membership = mesh.membershipOf(this.device)
    return this.startFrom(netmap === undefined ? membership : { ...membership, netmap })
  }

  startFrom(membership: StoredMembership): this {
    this.#meshes.add(membership.mesh)
    this.#datapath.tell({ kind: 'beat' })
    this.tell({ kind: 'local-addresses', addresses: this.addresses })
    this.tell({ kind: 'membership-added', membership })
    this.tell({ kind: 'start', port: 7481 })
    return this
  }

  tellNetmap(mesh: TestMesh): void {
    this.tell({ kind: 'netmap', mesh: mesh.mesh, netmap: mesh.netmapFor(this.device) })
  }

  /** The machine has other addresses now. */
  readdress(addresses: readonly string[]): void {
    this.addresses = addresses as readonly IpAddress[]
    this.tell({ kind: 'local-addresses', addresses: this.addresses })
  }

  tell(input: NodeInput): void {
    this.node.handle(input, this.#network.now)
    this.#settle()
  }

  wake(): void {
    this.#datapath.tell({ kind: 'beat' })
    this.#datapath.core.wake(this.#network.now)
    this.node.wake(this.#network.now)
    this.#settle()
  }

  nextTimeout(): Instant | undefined {
    const moments = [this.node.nextTimeout(), this.#datapath.core.nextTimeout()].filter(
      (moment) => moment !== undefined,
    )
    return moments.length === 0 ? undefined : instant(Math.min(...moments))
  }

  hears(address: IpAddress, port: number): boolean {
    return this.#datapath.hears(endpointOf(address, port))
  }

  receive(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    this.#datapath.receive(from, to, datagram)
    this.#settle()
  }

  receiveByRelay(relay: NodeId, from: NodeId, datagram: Uint8Array): void {
    const [mesh] = this.#meshes
    if (this.isPlugged && mesh !== undefined)
      this.tell({ kind: 'came-by-relay', mesh, relay, from, run: runOf(datagram) })
  }

  /** Its connection to the relay is there, or gone, from when it knows of the relay. */
  setRelay(state: RelayStanding['state'], relay = RELAY): void {
    this.#relays.set(relay, state)
    this.#tellRelays()
    this.#settle()
  }

  /** As a program of the machine sends it. */
  sendPacket(packet: Uint8Array): void {
    this.#datapath.tell({ kind: 'port-packet', packet })
    this.#settle()
  }

  /** Sends a ping, runs the network, and answers the outcome. */
  ping(peer: string, timeout = 5_000): PingOutcome {
    const token = this.outputs.length
    this.tell({ kind: 'ping', token, peer, timeout: timeout as never })
    this.#network.run(timeout)
    const answer = this.outputs.find((output) => output.kind === 'ping-answer' && output.token === token)
    return answer?.kind === 'ping-answer' ? answer.outcome : { kind: 'busy' }
  }

  status() {
    const status = this.node.status(this.#network.now)
    if (status === undefined) throw new Error('no membership')
    return status
  }

  pathTo(name: string) {
    return this.status().peers.find((peer) => peer.name === name)?.path
  }

  refusalOf(name: string): string | undefined {
    return this.status().refused.find((peer) => peer.name === name)?.reason
  }

  outputsOf<Kind extends NodeOutput['kind']>(kind: Kind): Extract<NodeOutput, { kind: Kind }>[] {
    return this.outputs.filter((output): output is Extract<NodeOutput, { kind: Kind }> => output.kind === kind)
  }

  #settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (let output = this.node.poll(); output !== undefined; output = this.node.poll()) {
        isBusy = true
        this.#act(output)
      }
      if (this.#datapath.settle()) isBusy = true
    }
  }

  #act(output: NodeOutput): void {
    if (output.kind === 'datapath') this.#datapath.tell(output.command)
    else if (output.kind === 'send-on-lan') this.#network.sendOnLan(this, output.datagram)
    else if (output.kind === 'send-by-relay') this.#network.sendByRelay(output.relay, this, output.to, output.run)
    else if (output.kind === 'keep-relays') {
      this.#kept = output.relays
      this.#tellRelays()
    } else this.outputs.push(output)
    if (output.kind === 'configure-interface') this.settings = output.settings
  }

  #tellRelays(): void {
    for (const [relay, state] of this.#relays)
      for (const mesh of this.#kept.includes(relay) ? this.#meshes : [])
        this.node.handle({ kind: 'relay-state', mesh, relay, standing: { state } }, this.#network.now)
  }

  #refusalOf(family: Family, port: number): string | undefined {
    if (family === 6 && !this.hasIpv6) return 'EAFNOSUPPORT'
    return this.takenPorts.has(port) ? 'EADDRINUSE' : undefined
  }
}
