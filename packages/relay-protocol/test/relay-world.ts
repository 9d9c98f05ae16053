import { datagramsOf, type Endpoint, type IpAddress, milliseconds, runOf, toHex, utf8 } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createCertificate, createRevocation, encodeChain } from '@weft/identity'
import { meshIdOf, type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import {
  defaultHubLimits,
  type HubLimits,
  RelayClient,
  type RelayClientOutput,
  RelayHub,
  type RelayVersion,
} from '@weft/relay-protocol'
import { ManualClock, seededRandom } from '@weft/testing'

export const RELAY = '00112233445566778899aabbccddeeff' as NodeId

interface NodeOptions {
  readonly root?: PrivateKey<'root'>
  /** Seconds from now. */
  readonly notAfter?: number
  readonly relay?: NodeId
  readonly as?: TestNode
  /** It comes as the coordinator with that key. */
  readonly coordinator?: PrivateKey<'coordinator'>
}

/** A relay and its nodes, told the time. */
export class World {
  readonly clock = new ManualClock()
  readonly random = seededRandom(7)
  readonly root = PrivateKey.generate('root', this.random)
  readonly coordinatorKey = PrivateKey.generate('coordinator', this.random)
  readonly hub: RelayHub
  readonly nodes = new Map<number, TestNode>()
  /** Why admissions were refused. */
  readonly refusals: string[] = []
  /** Milliseconds one way. */
  latency = 0
  isSilent = false
  /** Where the relay hears everybody from. */
  seenAt = '192.0.2.9' as IpAddress
  version: RelayVersion = 2
  /** Where the relay knocked; nobody answers there. */
  readonly knocks: Endpoint[] = []
  #connections = 0

  constructor(limits: HubLimits = defaultHubLimits) {
    const mesh = meshIdOf(this.root.publicKey(crypto), crypto)
    const elsewhere = { coordinatorKey: this.coordinatorKey.publicKey(crypto), stunPort: 3478 }
    this.hub = new RelayHub({ mesh, id: RELAY, elsewhere, crypto, random: this.random, limits })
  }

  revocationOf(node: TestNode, key = this.root): Uint8Array {
    const signedAt = Math.floor(this.clock.now().wall / 1000)
    const revoked = node.identity.publicKey(crypto)
    return createRevocation({ revoked, signedAt, keptUntil: signedAt + 3600 }, { key }, crypto)
  }

  revoke(node: TestNode, key?: PrivateKey<'root'>): void {
    this.hub.revoke([this.revocationOf(node, key)], this.clock.now())
    this.run()
  }

  node(options: NodeOptions = {}): TestNode {
    const node = new TestNode(this, options)
    this.run()
    return node
  }

  connect(node: TestNode, connection: number): number {
    const client = ++this.#connections
    this.nodes.set(client, node)
    node.connections.set(client, connection)
    node.client.handle({ kind: 'opened', connection, version: this.version }, this.clock.now())
    if (!this.isSilent) this.hub.opened(client, this.seenAt)
    return client
  }

  /** Until the time is over, and nothing is left to do. */
  run(time = milliseconds(0)): void {
    const end = this.clock.now().instant + time
    for (;;) {
      while (this.#step());
      const next = Math.min(...[...new Set(this.nodes.values())].map((node) => node.client.nextTimeout() ?? Infinity))
      if (next > end) break
      this.clock.advanceTo(next as never)
      for (const node of new Set(this.nodes.values())) node.wake()
    }
    this.clock.advanceTo(end as never)
  }

  #step(): boolean {
    let isBusy = false
    for (const node of new Set(this.nodes.values())) isBusy = node.settle() || isBusy
    for (let output = this.hub.poll(); output !== undefined; output = this.hub.poll()) {
      isBusy = true
      const node = this.nodes.get(output.client)
      if (output.kind === 'knock') {
        this.knocks.push(output.at)
        this.hub.knocked(output.client, output.token, 'silent')
      }
      if (output.kind === 'close') node?.closed(output.client)
      if (output.kind === 'close' && output.reason === 'admission-refused') this.refusals.push(output.detail ?? '')
    }
    for (const [client, node] of this.nodes) {
      for (let message = node.isReading ? this.hub.take(client) : undefined; message !== undefined; ) {
        isBusy = true
        this.clock.advance(milliseconds(this.latency))
        if (!this.isSilent) node.receive(client, message)
        message = this.hub.take(client)
      }
    }
    return isBusy
  }
}

export class TestNode {
  readonly id: NodeId
  readonly chain: Uint8Array
  readonly identity: PrivateKey<'identity'>
  readonly client: RelayClient<string>
  readonly heard: [NodeId, string][] = []
  readonly absent: NodeId[] = []
  readonly sent: Uint8Array[] = []
  readonly connections = new Map<number, number>()
  state = ''
  welcome = ''
  readonly callers: string[] = []
  readonly knocked: string[] = []
  isReading = true
  readonly #world: World

  constructor(world: World, options: NodeOptions) {
    const { root = world.root, notAfter = 86_400, relay = RELAY, as, coordinator } = options
    this.#world = world
    this.identity = as?.identity ?? PrivateKey.generate('identity', world.random)
    this.id = nodeIdOf(this.identity.publicKey(crypto), crypto)
    this.chain = as?.chain ?? chainOf(world, root, this.identity, notAfter)
    this.client = new RelayClient({
      crypto,
      random: world.random,
      ...(relay === undefined ? {} : { relay }),
      places: ['there'],
      visitor: coordinator === undefined ? { kind: 'member', ...this } : { kind: 'coordinator', key: coordinator },
    })
    this.client.handle({ kind: 'start' }, world.clock.now())
    this.settle()
  }

  send(to: { readonly id: NodeId }, text: string): void {
    this.client.handle({ kind: 'send', to: to.id, run: runOf(utf8(text)) }, this.#world.clock.now())
    this.#world.run()
  }

  revoke(node: TestNode): void {
    this.client.handle({ kind: 'revoke', revocation: this.#world.revocationOf(node) }, this.#world.clock.now())
    this.#world.run()
  }

  knock(port: number): void {
    this.client.handle({ kind: 'knock', token: new Uint8Array(16).fill(port), port }, this.#world.clock.now())
    this.#world.run()
  }

  /** As if the relay said it. */
  hear(message: Uint8Array): void {
    for (const [client] of this.connections) this.receive(client, message)
    this.settle()
  }

  doubt(): void {
    this.client.handle({ kind: 'doubt' }, this.#world.clock.now())
    this.#world.run()
  }

  wake(): void {
    this.client.wake(this.#world.clock.now())
  }

  receive(client: number, message: Uint8Array): void {
    const connection = this.connections.get(client)
    if (connection !== undefined) this.client.handle({ kind: 'received', connection, message }, this.#world.clock.now())
  }

  closed(client: number): void {
    const connection = this.connections.get(client)
    this.connections.delete(client)
    if (connection !== undefined)
      this.client.handle({ kind: 'closed', connection, reason: 'closed' }, this.#world.clock.now())
  }

  settle(): boolean {
    let isBusy = false
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) {
      isBusy = true
      this.#act(output)
    }
    return isBusy
  }

  #act(output: RelayClientOutput<string>): void {
    const { clock, hub, isSilent, latency } = this.#world
    switch (output.kind) {
      case 'connect':
        this.#world.connect(this, output.connection)
        return
      case 'disconnect':
        for (const [client, connection] of this.connections) {
          if (connection !== output.connection) continue
          this.connections.delete(client)
          hub.closed(client)
        }
        return
      case 'send':
        this.sent.push(output.frames)
        clock.advance(milliseconds(latency))
        for (const [client, connection] of this.connections)
          if (connection === output.connection && !isSilent) hub.received(client, output.frames, clock.now())
        return
      case 'datagrams':
        for (const datagram of datagramsOf(output.run))
          this.heard.push([output.from, new TextDecoder().decode(datagram)])
        return
      case 'absent':
        this.absent.push(output.node)
        return
      case 'caller':
        this.callers.push(`${output.source} ${toHex(output.token)}`)
        return
      case 'knocked':
        this.knocked.push(output.outcome)
        return
      case 'welcome':
        this.welcome = `${output.relay === RELAY} ${output.stunPort} ${output.seenAt} ${output.version}`
        return
      case 'state':
        this.state = output.state === 'connected' ? `connected ${output.rttMs}` : `away: ${output.reason}`
        return
    }
  }
}

export function chainOf(world: World, root: PrivateKey<'root'>, identity: PrivateKey<'identity'>, notAfter: number) {
  const account = PrivateKey.generate('account', world.random)
  const link = PrivateKey.generate('link', world.random)
  const now = Math.floor(world.clock.now().wall / 1000)
  const common = { notBefore: now - 86_400, tags: [] }
  const long = { notAfter: now + 10 * 86_400, grantsUntil: now + 10 * 86_400 }
  return encodeChain([
    createCertificate({ kind: 'account', subject: account.publicKey(crypto), ...common, ...long }, root, crypto),
    createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...common, ...long }, account, crypto),
    createCertificate(
      { kind: 'device', subject: identity.publicKey(crypto), ...common, notAfter: now + notAfter, grantsUntil: 0 },
      link,
      crypto,
    ),
  ])
}
