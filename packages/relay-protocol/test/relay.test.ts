import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  concatBytes,
  datagramsOf,
  type Endpoint,
  fromHex,
  type IpAddress,
  milliseconds,
  runOf,
  seconds,
  toHex,
  utf8,
} from '@weft/base'
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

const RELAY = '00112233445566778899aabbccddeeff' as NodeId

test('members of the mesh are let in, and reach each other by their ids', () => {
  const world = new World()
  const [alice, bob] = [world.node(), world.node()]
  alice.send(bob, 'hello')
  bob.send(alice, 'you too')
  assert.deepEqual(bob.heard, [[alice.id, 'hello']])
  assert.deepEqual(alice.heard, [[bob.id, 'you too']])
  assert.equal(world.hub.nodes, 2)
})

test('the time of a ping is told as the round trip', () => {
  const world = new World()
  world.latency = 15
  const alice = world.node()
  assert.equal(alice.state, 'connected 30')
})

test('a certificate of another mesh is refused, and so is one that has ended', () => {
  const world = new World()
  const stranger = world.node({ root: PrivateKey.generate('root', world.random) })
  const late = world.node({ notAfter: -3600 })
  assert.match(stranger.state, /^away/)
  assert.match(late.state, /^away/)
  assert.equal(world.hub.counts()['admission-refused'], 2)
  assert.equal(world.hub.nodes, 0)
})

test('a proof that was made for another challenge or another relay is refused', () => {
  const world = new World()
  const alice = world.node()
  const proof = alice.sent.find((frame) => frame[0] === 2) ?? assert.fail()
  world.hub.opened(900)
  world.hub.received(900, proof, world.clock.now())
  assert.equal(world.hub.counts()['admission-refused'], 1)
})

test('an impostor without the relay’s id is left at once', () => {
  const world = new World()
  const alice = world.node({ relay: 'ff'.repeat(16) as NodeId })
  assert.match(alice.state, /another relay answers there/)
})

test('a member is let go when its certificate ends', () => {
  const world = new World()
  world.node({ notAfter: 100 })
  world.clock.advance(seconds(100 + 601))
  world.hub.sweep(world.clock.now())
  assert.equal(world.hub.counts()['certificate-expired'], 1)
  assert.equal(world.hub.nodes, 0)
})

test('a member whose key is revoked goes at once, and does not come back; others stay', () => {
  const world = new World()
  const [alice, bob] = [world.node(), world.node()]
  world.revoke(alice)
  assert.equal(world.hub.counts().revoked, 1)
  assert.equal(world.hub.nodes, 1)
  world.run(seconds(60))
  assert.match(alice.state, /^away/)
  assert.equal(world.hub.counts()['admission-refused'], world.refusals.length)
  assert.ok(world.refusals.length > 0 && world.refusals.every((detail) => detail === 'revoked'))
  assert.match(bob.state, /^connected/)
})

test('a revocation that does not hold lets everybody stay, and is counted', () => {
  const world = new World()
  const alice = world.node()
  world.revoke(alice, PrivateKey.generate('root', world.random))
  world.hub.revoke([new Uint8Array(200)], world.clock.now())
  assert.equal(world.hub.counts()['revocation-refused'], 2)
  assert.equal(world.hub.nodes, 1)
})

test('what is for a node that is not here is answered, but no more often than it may', () => {
  const world = new World({ ...defaultHubLimits, absent: { burst: 2, perSecond: 1 } })
  const alice = world.node()
  for (let i = 0; i < 5; i++) alice.send({ id: 'ab'.repeat(16) as NodeId }, 'anybody?')
  assert.deepEqual(alice.absent, ['ab'.repeat(16), 'ab'.repeat(16)])
  assert.equal(world.hub.counts()['dropped-absent'], 5)
})

test('a node that comes again takes the place of its older connection', () => {
  const world = new World()
  const alice = world.node()
  const bob = world.node()
  const again = world.node({ as: alice })
  bob.send(alice, 'where are you')
  assert.deepEqual(again.heard, [[bob.id, 'where are you']])
  assert.equal(world.hub.nodes, 2)
})

test('frames before the admission, and no frames at all, end the connection', () => {
  const world = new World()
  for (const [client, message] of [
    [901, Uint8Array.of(6, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)],
    [902, Uint8Array.of(99, 0, 0)],
    [903, Uint8Array.of(4, 0, 200, 1)],
    [904, new Uint8Array()],
  ] as const) {
    world.hub.opened(client)
    world.hub.received(client, message, world.clock.now())
  }
  assert.equal(world.hub.counts()['message-malformed'], 4)
})

test('a node that reads slowly loses the oldest of who sends most, and a quiet sender gets its turn', () => {
  const world = new World({ ...defaultHubLimits, outbox: 40_000 })
  const [loud, quiet, slow] = [world.node(), world.node(), world.node()]
  slow.isReading = false
  for (let i = 0; i < 100; i++) loud.send(slow, `loud ${String(i).padStart(3, '0')}${' '.repeat(1_000)}`)
  quiet.send(slow, 'quiet')
  slow.isReading = true
  world.run()
  const texts = slow.heard.map(([, text]) => text.trim())
  const before = texts.indexOf('quiet')
  assert.ok(before >= 0 && before <= 16, `${before} came before it`)
  assert.equal(texts.at(-1), 'loud 099')
  assert.ok(!texts.includes('loud 000'))
  assert.ok((world.hub.counts()['dropped-full'] ?? 0) >= 60)
})

test('a sender beyond its rate loses what is too much', () => {
  const world = new World({ ...defaultHubLimits, bytes: { burst: 1_000, perSecond: 1_000 } })
  const [alice, bob] = [world.node(), world.node()]
  for (let i = 0; i < 20; i++) alice.send(bob, 'x'.repeat(100))
  assert.equal(bob.heard.length, 10)
  world.clock.advance(seconds(1))
  alice.send(bob, 'y'.repeat(100))
  assert.equal(bob.heard.length, 11)
})

test('a relay that stops answering is left, and come back to', () => {
  const world = new World()
  const alice = world.node()
  world.isSilent = true
  world.run(seconds(40))
  assert.match(alice.state, /does not answer any more/)
  world.isSilent = false
  world.run(seconds(60))
  assert.match(alice.state, /^connected/)
})

test('where there is doubt, a relay that is gone is left within three seconds', () => {
  const world = new World()
  const alice = world.node()
  world.run(seconds(5))
  world.isSilent = true
  alice.doubt()
  world.run(seconds(3))
  assert.match(alice.state, /^away/)
})

test('an idle node says no more than one ping in each interval', () => {
  const world = new World()
  const alice = world.node()
  const before = alice.sent.length
  world.run(seconds(250))
  assert.ok(alice.sent.length - before <= 10)
})

test('a relay that drains is left at once', () => {
  const world = new World()
  const alice = world.node()
  world.hub.drain()
  world.run()
  assert.match(alice.state, /closing/)
})

test('the coordinator is let in by its key, is told what the relay knows, and is no node', () => {
  const world = new World()
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  assert.match(coordinator.state, /^connected/)
  assert.equal(coordinator.welcome, 'true 3478 192.0.2.9 2')
  assert.equal(world.hub.nodes, 0)
  coordinator.send(world.node(), 'a datagram')
  assert.match(coordinator.state, /^away/)
})

test('the coordinator tells a relay elsewhere who was revoked; a member tells it nothing', () => {
  const world = new World()
  const [alice, bob] = [world.node(), world.node()]
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  coordinator.revoke(alice)
  assert.equal(world.hub.counts().revoked, 1)
  assert.equal(world.hub.nodes, 1)
  bob.revoke(coordinator)
  assert.match(bob.state, /^away/)
  assert.equal(world.hub.counts()['message-malformed'], 1)
})

test('another key is not let in as the coordinator, nor a member by the coordinator’s frame of another time', () => {
  const world = new World()
  const impostor = world.node({ coordinator: PrivateKey.generate('coordinator', world.random) })
  assert.match(impostor.state, /^away/)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  const said = coordinator.sent.find((frame) => frame[0] === 9) ?? assert.fail()
  world.hub.opened(900)
  world.hub.received(900, said, world.clock.now())
  assert.equal(world.hub.counts()['admission-refused'], 2)
})

test('who calls the coordinator at the relay is answered once, by who has the token', () => {
  const world = new World()
  assert.equal(world.hub.called(1, '192.0.2.1' as IpAddress), false)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  assert.equal(world.hub.called(2, '192.0.2.1' as IpAddress), true)
  assert.equal(world.hub.called(3, '2001:db8::1' as IpAddress), true)
  world.run()
  const [[source, token] = [], [other, gone = ''] = []] = coordinator.callers.map((each) => each.split(' '))
  assert.deepEqual([source, other], ['192.0.2.1', '2001:db8::1'])
  world.hub.hungUp(3)
  const say = (client: number, text = '') => {
    world.hub.opened(client)
    world.hub.received(client, concatBytes(Uint8Array.of(13, 0, 16), fromHex(text) ?? assert.fail()), world.clock.now())
    const outputs: unknown[] = []
    for (let output = world.hub.poll(); output !== undefined; output = world.hub.poll())
      if (output.kind !== 'ready') outputs.push(output)
    return outputs
  }
  assert.deepEqual(say(901, token), [{ kind: 'answered', client: 901, caller: 2 }])
  assert.deepEqual(say(902, token), [{ kind: 'close', client: 902, reason: 'caller-gone' }])
  assert.deepEqual(say(903, gone), [{ kind: 'close', client: 903, reason: 'caller-gone' }])
  assert.equal(world.hub.take(901), undefined)
})

test('the coordinator asks whether it is reached, and the relay knocks where it comes from, at the port that was asked for', () => {
  const world = new World()
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  coordinator.knock(8443)
  assert.deepEqual(world.knocks, ['192.0.2.9:8443'])
  assert.deepEqual(coordinator.knocked, ['silent'])
})

test('nobody is knocked at who comes from an address that does not lead to it from everywhere', () => {
  for (const address of [
    '192.168.1.7',
    '127.0.0.1',
    '100.64.0.1',
    '169.254.1.1',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::',
  ]) {
    const world = new World()
    world.seenAt = address as IpAddress
    const coordinator = world.node({ coordinator: world.coordinatorKey })
    coordinator.knock(7480)
    assert.deepEqual([world.knocks, coordinator.knocked], [[], ['not-outside']], address)
  }
})

test('a relay knocks only so often, also for a coordinator that comes anew', () => {
  const world = new World({ ...defaultHubLimits, knocks: { burst: 2, perSecond: 1 / 30 } })
  world.node({ coordinator: world.coordinatorKey }).knock(7480)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  for (let i = 0; i < 3; i++) coordinator.knock(7480)
  assert.deepEqual(coordinator.knocked, ['silent', 'too-often', 'too-often'])
  world.run(seconds(30))
  coordinator.knock(7480)
  assert.equal(coordinator.knocked.at(-1), 'silent')
  assert.equal(world.knocks.length, 3)
})

test('a relay knocks for no member, and at no port 0', () => {
  const world = new World()
  const alice = world.node()
  alice.knock(7480)
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  coordinator.knock(0)
  assert.deepEqual(world.knocks, [])
  assert.equal(world.hub.counts()['message-malformed'], 2)
})

test('a relay of version 1 is not asked to knock', () => {
  const world = new World()
  world.version = 1
  const coordinator = world.node({ coordinator: world.coordinatorKey })
  assert.equal(coordinator.welcome, 'true 3478 192.0.2.9 1')
  coordinator.knock(7480)
  assert.ok(!coordinator.sent.some(([type]) => type === 14))
  assert.match(coordinator.state, /^connected/)
})

test('a member is told of no callers, and a relay that tells it some is not listened to', () => {
  const world = new World()
  const alice = world.node()
  const frame = concatBytes(Uint8Array.of(12, 0, 33), new Uint8Array(16), Uint8Array.of(4), new Uint8Array(16))
  alice.hear(frame)
  assert.deepEqual(alice.callers, [])
  assert.match(alice.state, /^connected/)
})

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
class World {
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

class TestNode {
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

function chainOf(world: World, root: PrivateKey<'root'>, identity: PrivateKey<'identity'>, notAfter: number) {
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
