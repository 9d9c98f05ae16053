import { earliest, fromBase64, type Instant, type IpAddress, invariant, type Now, toBase64, wallTime } from '@weft/base'
import { type ClientOutput, CoordinatorClient, mergeNetmap } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import {
  createDeviceCertificate,
  createRecord,
  generateNodeKeys,
  IdentityError,
  type JoinLink,
  type NodeKeys,
  readLink,
  verifyChain,
  verifyLinkCertificates,
} from '@weft/identity'
import { type NodeId, nodeIdOf } from '@weft/keys'
import {
  type CoordinatorState,
  NO_PINS,
  Node,
  type NodeOutput,
  type PingOutcome,
  type StoredMembership,
} from '@weft/node'
import { PacketView } from '@weft/packet'
import { type SeededRandom, udpPacket, WiredDatapath } from '@weft/testing'
import { MARKER, type SimulatedWorld } from './simulated-world.ts'

/** Milliseconds after which a join that came to nothing is tried again. */
const REJOIN = 5_000

interface Running {
  readonly node: Node
  readonly datapath: WiredDatapath
  readonly client: CoordinatorClient
}

/** What a device is once the coordinator has acknowledged it. */
interface Joined {
  readonly membership: StoredMembership
  readonly name: string
  readonly address4: IpAddress
}

/** A machine with a node as its agent runs it: what is on its disk outlives what runs. */
export class SimulatedDevice {
  readonly label: string
  readonly id: NodeId
  readonly keys: NodeKeys
  readonly link: JoinLink
  address: IpAddress
  /** Added to the world's clock, in ms. */
  wallShift = 0
  asleepUntil: Instant | undefined
  joined: Joined | undefined
  /** Texts of packets that came out of the interface. */
  readonly received: string[] = []
  readonly failures: string[] = []
  /** Datagrams. */
  sent = 0
  #running: Running | undefined
  #rejoinAt: Instant | undefined
  #coordinator: CoordinatorState | undefined
  #nextToken = 10
  readonly #pings = new Map<number, PingOutcome>()
  readonly #world: SimulatedWorld
  readonly #random: SeededRandom

  constructor(
    world: SimulatedWorld,
    options: { label: string; address: IpAddress; link: string; random: SeededRandom },
  ) {
    this.#world = world
    this.#random = options.random
    this.label = options.label
    this.address = options.address
    this.link = readLink(options.link, crypto)
    this.keys = generateNodeKeys(options.random)
    this.id = nodeIdOf(this.keys.identity.publicKey(crypto), crypto)
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  get isAsleep(): boolean {
    return this.asleepUntil !== undefined
  }

  get now(): Now {
    const { instant, wall } = this.#world.now
    return { instant, wall: wallTime(wall + this.wallShift) }
  }

  start(): void {
    const datapath = new WiredDatapath({
      crypto,
      now: () => this.now,
      addresses: () => [this.address],
      onReport: (report) => node.handle({ kind: 'report', report }, this.now),
      send: (from, to, datagram) => {
        this.sent++
        this.#world.send(from, to, datagram)
      },
      onPacket: (packet) => this.#onPacket(packet),
    })
    const node = new Node({ crypto, random: this.#random, meters: datapath.core })
    const { coordinatorKey, endpoints } = this.link
    const client = new CoordinatorClient({
      crypto,
      random: this.#random,
      coordinatorKey,
      channelKey: this.keys.channel,
      endpoints,
    })
    this.#running = { node, datapath, client }
    datapath.tell({ kind: 'beat' })
    node.handle({ kind: 'local-addresses', addresses: [this.address] }, this.now)
    if (this.joined !== undefined) this.#enter(this.joined.membership)
    node.handle({ kind: 'start', port: 7481 }, this.now)
    client.handle({ kind: 'start' }, this.now)
    if (this.joined === undefined) this.#askToJoin()
    this.settle()
  }

  /** In order: the node saves what waits, and the channel is closed. */
  stop(): void {
    this.#running?.client.handle({ kind: 'stop' }, this.now)
    this.#running?.node.handle({ kind: 'stop' }, this.now)
    this.settle()
    this.crash()
  }

  /** Nothing is saved or said. */
  crash(): void {
    this.#running = undefined
    this.#coordinator = undefined
    this.asleepUntil = undefined
    this.#rejoinAt = undefined
    this.#world.onCrash(this)
  }

  roam(address: IpAddress): void {
    this.address = address
    this.#running?.node.handle({ kind: 'local-addresses', addresses: [address] }, this.now)
    this.#world.onRoam(this)
    this.#running?.client.handle({ kind: 'network-changed' }, this.now)
    this.settle()
  }

  wake(): void {
    if (this.#running === undefined || this.isAsleep) return
    const { node, datapath, client } = this.#running
    datapath.tell({ kind: 'beat' })
    datapath.core.wake(this.now)
    node.wake(this.now)
    client.wake(this.now)
    if (this.#rejoinAt !== undefined && this.#rejoinAt <= this.now.instant) this.#askToJoin()
    this.settle()
  }

  nextTimeout(): Instant | undefined {
    if (this.#running === undefined) return undefined
    if (this.asleepUntil !== undefined) return this.asleepUntil
    const { node, datapath, client } = this.#running
    return earliest(node.nextTimeout(), datapath.core.nextTimeout(), client.nextTimeout(), this.#rejoinAt)
  }

  receive(
    from: Parameters<WiredDatapath['receive']>[0],
    to: Parameters<WiredDatapath['receive']>[1],
    datagram: Uint8Array,
  ) {
    this.#running?.datapath.receive(from, to, datagram)
    this.settle()
  }

  tellClient(input: Parameters<CoordinatorClient['handle']>[0]): void {
    this.#running?.client.handle(input, this.now)
    this.settle()
  }

  /** A packet of a program here, for a device of the mesh. */
  sendTo(address: IpAddress, number: number): void {
    if (this.joined === undefined) return
    const data = new TextEncoder().encode(`${MARKER} ${this.joined.address4} ${address} ${number}`)
    const packet = udpPacket({ source: this.joined.address4, destination: address, data })
    this.#running?.datapath.tell({ kind: 'port-packet', packet })
    this.settle()
  }

  ping(peer: string, timeout: number): number {
    const token = this.#nextToken++
    this.#running?.node.handle({ kind: 'ping', token, peer, timeout: timeout as never }, this.now)
    this.settle()
    return token
  }

  outcomeOf(token: number): PingOutcome['kind'] | undefined {
    return this.#pings.get(token)?.kind
  }

  status() {
    return this.#running?.node.status(this.now)
  }

  /** What fast path and node did without, by reason. */
  drops(): object {
    return { ...this.#running?.datapath.core.drops(), ...this.#running?.node.drops() }
  }

  settle(): void {
    const running = this.#running
    if (running === undefined) return
    for (let isBusy = true; isBusy; ) {
      isBusy = running.datapath.settle()
      for (let output = running.node.poll(); output !== undefined; output = running.node.poll()) {
        isBusy = true
        this.#act(output, running)
      }
      for (let output = running.client.poll(); output !== undefined; output = running.client.poll()) {
        isBusy = true
        this.#actForClient(output, running)
      }
    }
  }

  #act(output: NodeOutput, { datapath, client }: Running): void {
    switch (output.kind) {
      case 'datapath':
        datapath.tell(output.command)
        return
      case 'publish': {
        const params = { endpoints: output.endpoints }
        client.handle({ kind: 'request', method: 'publish', params, token: 3 }, this.now)
        return
      }
      case 'save-netmap':
        this.#save({ netmap: output.netmap, known: output.known })
        return
      case 'save-pins':
        this.#save({ pins: output.pins })
        return
      case 'save-revocations':
        this.#save({ revocations: output.revocations })
        return
      case 'save-change': {
        const { netmap } = this.joined?.membership ?? {}
        const next = netmap && mergeNetmap(netmap, output.change)
        invariant(next !== undefined, 'what is added leads on from what was saved')
        this.#save({ netmap: next })
        return
      }
      case 'save-timestamp':
        this.#save({ latestTimestamp: output.bound })
        return
      case 'ping-answer':
        this.#pings.set(output.token, output.outcome)
        return
      case 'failed':
        this.failures.push(output.reason)
        return
      default:
        return
    }
  }

  #actForClient(output: ClientOutput, { node }: Running): void {
    const mesh = this.link.mesh
    switch (output.kind) {
      case 'connect':
        this.#world.connect(this, output.connection)
        return
      case 'disconnect':
        this.#world.disconnect(this, output.connection)
        return
      case 'send':
        this.#world.sendFrame(this, output.connection, output.frame)
        return
      case 'netmap':
        node.handle({ kind: 'netmap', mesh, netmap: output.netmap }, this.now)
        return
      case 'change':
        node.handle({ kind: 'netmap', mesh, netmap: output.netmap, change: output.change }, this.now)
        return
      case 'state': {
        this.#coordinator = { state: output.state, url: 'http://coordinator', since: output.since }
        node.handle({ kind: 'coordinator-state', mesh, coordinator: this.#coordinator }, this.now)
        return
      }
      case 'removed':
        node.handle({ kind: 'revocations', mesh, revocations: [output.revocation] }, this.now)
        return
      case 'answer':
        if (output.token === 1) this.#onLinkOpened(output)
        if (output.token === 2) this.#onJoined(output)
        return
    }
  }

  #askToJoin(): void {
    this.#rejoinAt = undefined
    const params = { linkKey: this.link.seed.publicKey(crypto) }
    this.#running?.client.handle({ kind: 'request', method: 'open-link', params, token: 1 }, this.now)
  }

  #onLinkOpened(answer: Extract<ClientOutput, { kind: 'answer' }>): void {
    if ('error' in answer || answer.method !== 'open-link') {
      this.#joinLater()
      return
    }
    const { seed, mesh } = this.link
    const at = this.now.wall
    const linkKey = seed.publicKey(crypto)
    try {
      const [account, link] = [bytesOf(answer.result.account), bytesOf(answer.result.link)]
      const grant = verifyLinkCertificates({ account, link, mesh, linkKey, at, crypto })
      const identityKey = this.keys.identity.publicKey(crypto)
      const certificate = createDeviceCertificate({ grant, link: seed, identityKey, at, crypto })
      const record = toBase64(createRecord(this.keys, 1, crypto))
      const params = { record, certificate: toBase64(certificate), hostName: this.label }
      this.#running?.client.handle({ kind: 'request', method: 'join', params, token: 2 }, this.now)
    } catch (error) {
      // The clock of this machine is wrong.
      if (!(error instanceof IdentityError)) throw error
      this.#joinLater()
    }
  }

  #onJoined(answer: Extract<ClientOutput, { kind: 'answer' }>): void {
    if ('error' in answer || answer.method !== 'join') {
      this.#joinLater()
      return
    }
    const { name, address4 } = answer.result
    const chain = bytesOf(answer.result.chain)
    try {
      verifyChain({ chain, mesh: this.link.mesh, at: this.now.wall, crypto })
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error
      this.#joinLater()
      return
    }
    const record = createRecord(this.keys, 1, crypto)
    const membership = { mesh: this.link.mesh, keys: this.keys, record, chain, known: [], pins: NO_PINS }
    this.joined = { membership, name, address4 }
    this.#enter(membership)
  }

  #joinLater(): void {
    this.#rejoinAt = (this.now.instant + REJOIN) as Instant
  }

  #enter(membership: StoredMembership): void {
    this.#running?.node.handle({ kind: 'membership-added', membership }, this.now)
    const mesh = this.link.mesh
    if (this.#coordinator !== undefined)
      this.#running?.node.handle({ kind: 'coordinator-state', mesh, coordinator: this.#coordinator }, this.now)
    const held = membership.netmap === undefined ? {} : { held: membership.netmap }
    this.#running?.client.handle({ kind: 'subscribe', node: this.id, ...held }, this.now)
  }

  #save(latest: Partial<StoredMembership>): void {
    if (this.joined === undefined) return
    this.joined = { ...this.joined, membership: { ...this.joined.membership, ...latest } }
  }

  #onPacket(packet: Uint8Array): void {
    const view = new PacketView()
    invariant(view.read(packet, 0, packet.length), 'what comes out of an interface is a packet')
    const text = new TextDecoder().decode(packet)
    const at = text.indexOf(MARKER)
    if (at < 0) return
    const [, source, destination] = text.slice(at).split(' ')
    const own = this.joined?.address4
    invariant(destination === own, `${this.label} (${own}) got a packet for ${destination}`)
    const shown = packet.subarray(view.sourceOffset, view.sourceOffset + 4).join('.')
    invariant(shown === source, `a packet of ${source} says that it is of ${shown}`)
    this.received.push(text.slice(at))
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  invariant(bytes !== undefined, 'base64')
  return bytes
}
