import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { silentLogger } from '@weft/base'
import { callControl } from '@weft/control-socket'
import type { RelaySummary, Result } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { readLink } from '@weft/identity'
import { systemClock } from '@weft/linux'
import { type MeshDescription, type RunningRelay, startRelay } from '@weft/relay'
import { RelayLink } from '@weft/relay/link'
import { freePort } from '@weft/testing'
import { TestCoordinator } from './test-coordinator.ts'
import { Refused, type TestChannel, TestNode } from './test-node.ts'

describe('a relay elsewhere', () => {
  it('is added by its URL, told to all nodes with its STUN port, and to those that come later', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    const { relay: added } = await world.owner.request('relay-add', { places: [relay.url] })
    assert.deepEqual([added.id, added.stunPort, added.places], [relay.running.id, relay.stunPort, [relay.url]])
    await world.owner.until(() => world.told().length === 1)
    assert.deepEqual(world.told(), [{ id: relay.running.id, places: [relay.url], stunPort: relay.stunPort }])
    const later = await new TestNode(await world.coordinator.link(), 'later').enter(world.coordinator.port)
    assert.deepEqual(later.netmap?.relays, world.told())
    await later.close()
  })

  it('is visited by the coordinator for as long as it is one of the mesh, also after a restart', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    await world.owner.request('relay-add', { places: [relay.url] })
    await world.stands('connected')
    await world.coordinator.stop()
    await world.coordinator.start()
    await world.stands('connected')
    await relay.stop()
    await world.stands('away')
  })

  it('is told who was revoked, at once, and again when it comes back: none of them is let in', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    await world.owner.request('relay-add', { places: [relay.url] })
    await world.stands('connected')
    const nas = new TestNode(await world.coordinator.link(), 'nas')
    const channel = await nas.enter(world.coordinator.port)
    using member = new Member(nas, relay)
    await member.until('connected')
    await world.owner.request('remove', { device: 'nas' })
    await member.until('away')
    await channel.closed
    const second = await world.relay()
    await world.owner.request('relay-add', { places: [second.url] })
    await world.stands('connected')
    using again = new Member(nas, second)
    await again.until('away')
  })

  it('is removed by its id or its URL, and nodes are told', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    for (const name of [relay.running.id, relay.running.id.slice(0, 8), relay.url]) {
      await world.owner.request('relay-add', { places: [relay.url] })
      await world.owner.until(() => world.told().length === 1)
      assert.equal((await world.owner.request('relay-remove', { relay: name })).id, relay.running.id)
      await world.owner.until(() => world.told().length === 0)
    }
    await world.isRefused(world.owner.request('relay-remove', { relay: 'nobody' }), 'not-found', /relay list/)
  })

  it('that is of another mesh, is none, or does not answer is refused, and nothing is told', async () => {
    await using world = await World.enter()
    await using other = await World.enter()
    const foreign = await other.relay()
    const own = await world.relay()
    const second = await world.relay()
    const add = (...places: readonly string[]) => world.owner.request('relay-add', { places })
    await world.isRefused(add(foreign.url), 'relay-refused', /another mesh/)
    await world.isRefused(add(`http://127.0.0.1:${world.coordinator.port}`), 'relay-refused', /no relay of this mesh/)
    await world.isRefused(add('http://127.0.0.1:9'), 'relay-refused', /nothing listens/)
    await world.isRefused(add(own.url, second.url), 'relay-refused', /another relay answers/)
    assert.deepEqual((await world.list()).relays, [])
  })
})

describe('a coordinator behind a NAT', () => {
  it('is reached through a relay: a device joins there, asks, and is told changes', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    await world.owner.request('relay-add', { places: [relay.url] })
    await world.stands('connected')
    const guest = new TestNode(await world.coordinator.link(), 'guest')
    const channel = await guest.enter(relay.running.port)
    assert.deepEqual(
      channel.netmap?.peers.map(({ name }) => name),
      ['owner'],
    )
    await world.owner.until(() => world.owner.netmap?.peers[0]?.online === true)
    await channel.request('rename', { device: 'owner', name: 'boss' })
    await channel.until(() => channel.netmap?.peers[0]?.name === 'boss')
    await channel.close()
    await world.owner.until(() => world.owner.netmap?.peers[0]?.online === false)
    assert.match(relay.running.metrics(), /weft_relay_connections 1\n/)
  })

  it('has its relays in new links, where devices come to it after others of its ways', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    await world.owner.request('relay-add', { places: [relay.url] })
    const { endpoints } = readLink(await world.coordinator.link(), crypto)
    assert.deepEqual(endpoints.at(-1), { kind: 'url', url: relay.url })
    assert.equal(endpoints[0]?.kind, 'endpoint')
    const outside = await world.coordinator.running.outside(new AbortController().signal)
    const at = `127.0.0.1:${world.coordinator.port}`
    const knocks = [{ relay: relay.running.id, at, outcome: 'not-outside' }]
    assert.deepEqual(outside, { relays: 1, through: [relay.url], seenAt: ['127.0.0.1'], knocks })
  })

  it('that is away is not answered for: who comes to the relay is told to come later', async () => {
    await using world = await World.enter()
    const relay = await world.relay()
    const guest = new TestNode(await world.coordinator.link(), 'guest')
    await assert.rejects(guest.connect(relay.running.port), /503/)
    await world.owner.request('relay-add', { places: [relay.url] })
    await world.stands('connected')
    const channel = await guest.enter(relay.running.port)
    await relay.stop()
    await channel.closed
  })

  it('is no weaker there: another that answers in its place is left by the device', async () => {
    await using world = await World.enter()
    await using impostor = await World.enter()
    const relay = await impostor.relay()
    await impostor.owner.request('relay-add', { places: [relay.url] })
    await impostor.stands('connected')
    const guest = new TestNode(await world.coordinator.link(), 'guest')
    await assert.rejects(guest.connect(relay.running.port))
  })
})

class TestRelay {
  readonly running: RunningRelay
  readonly #directory: string

  constructor(running: RunningRelay, directory: string) {
    this.running = running
    this.#directory = directory
  }

  get url(): string {
    return this.running.reachableAt[0] ?? ''
  }

  get stunPort(): number | undefined {
    return this.running.stunPorts[0]
  }

  async stop(): Promise<void> {
    await this.running.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** A coordinator without a relay beside it, and a device of its owner. */
class World implements AsyncDisposable {
  readonly coordinator: TestCoordinator
  readonly owner: TestChannel
  readonly #relays: TestRelay[] = []

  private constructor(coordinator: TestCoordinator, owner: TestChannel) {
    this.coordinator = coordinator
    this.owner = owner
  }

  static async enter(): Promise<World> {
    const coordinator = await TestCoordinator.start()
    const owner = await new TestNode(await coordinator.link(), 'owner').enter(coordinator.port)
    return new World(coordinator, owner)
  }

  told() {
    return this.owner.netmap?.relays ?? []
  }

  async list(): Promise<Result<'relay-list'>> {
    return (await callControl(join(this.coordinator.directory, 'coordinator.sock'), 'relay-list', {})) as never
  }

  async relay(): Promise<TestRelay> {
    const { mesh, coordinatorKey } = await this.list()
    const directory = mkdtempSync(join(tmpdir(), 'weft-relay-'))
    const description: MeshDescription = { mesh, coordinatorKey }
    const running = await startRelay({
      stateDirectory: directory,
      mesh: description,
      listen: { host: '127.0.0.1', port: 0 },
      stunPort: await freePort('udp'),
      clock: systemClock,
      logger: silentLogger,
    })
    const relay = new TestRelay(running, directory)
    this.#relays.push(relay)
    return relay
  }

  async stands(state: RelaySummary['state']): Promise<void> {
    while ((await this.list()).relays[0]?.state !== state) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  async isRefused(asked: Promise<unknown>, code: string, why: RegExp): Promise<void> {
    await assert.rejects(asked, (error) => error instanceof Refused && error.code === code && why.test(error.message))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.owner.close()
    for (const relay of this.#relays) await relay.stop()
    await this.coordinator[Symbol.asyncDispose]()
  }
}

/** A device's connection to a relay. */
class Member implements Disposable {
  readonly #link: RelayLink
  #state: string = 'connecting'

  constructor({ chain, keys }: TestNode, relay: TestRelay) {
    this.#link = new RelayLink({
      places: [relay.url],
      visitor: { kind: 'member', chain: chain ?? new Uint8Array(), identity: keys.identity },
      clock: systemClock,
      listener: {
        onState: ({ state }) => {
          this.#state = state
        },
      },
    })
  }

  async until(state: string): Promise<void> {
    while (this.#state !== state) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  [Symbol.dispose](): void {
    this.#link.stop()
  }
}
