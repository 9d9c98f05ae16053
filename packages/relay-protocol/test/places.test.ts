import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from '@weft/base'
import { nativeCrypto as crypto } from '@weft/crypto'
import { meshIdOf, type NodeId, PrivateKey } from '@weft/keys'
import { ManualClock, seededRandom } from '@weft/testing'
import { defaultHubLimits, RelayClient, RelayHub } from '../src/index.ts'

const RELAY = '0123456789abcdef0123456789abcdef' as NodeId

test('a relay that is reached at several places lets a node in once, and does not let it go for itself', () => {
  const world = new World(3)
  world.settle()
  assert.deepEqual(world.states, ['connected'])
  assert.equal(world.hub.counts().replaced ?? 0, 0)
  assert.equal(world.open.size, 1)
})

test('where a place takes the answer to its challenge and says nothing, the next is asked', () => {
  const world = new World(3)
  world.deaf.add(1)
  world.settle()
  assert.deepEqual(world.states, [])
  world.pass()
  assert.deepEqual(world.states, ['connected'])
  assert.deepEqual([...world.open], [2])
})

test('a relay that is slow to admit is waited for where there is no other place', () => {
  const world = new World(1)
  world.deaf.add(1)
  world.settle()
  world.pass()
  world.pass()
  assert.deepEqual([world.states, [...world.open]], [[], [1]])
  world.deaf.clear()
  for (const frames of world.unheard) world.hub.received(1, frames, world.clock.now())
  world.settle()
  assert.deepEqual(world.states, ['connected'])
})

/** A relay with several places, and one coordinator that visits it: all challenges arrive before anything is answered. */
class World {
  readonly clock = new ManualClock()
  readonly random = seededRandom(7)
  readonly key = PrivateKey.generate('coordinator', this.random)
  readonly hub: RelayHub
  readonly client: RelayClient<string>
  /** What is said to these connections does not arrive. */
  readonly deaf = new Set<number>()
  readonly unheard: Uint8Array[] = []
  readonly open = new Set<number>()
  readonly states: string[] = []

  constructor(places: number) {
    const { clock, random, key } = this
    const mesh = meshIdOf(PrivateKey.generate('root', random).publicKey(crypto), crypto)
    const elsewhere = { coordinatorKey: key.publicKey(crypto), stunPort: 3478 }
    this.hub = new RelayHub({ mesh, id: RELAY, elsewhere, crypto, random, limits: defaultHubLimits })
    this.client = new RelayClient({
      crypto,
      random,
      relay: RELAY,
      places: Array.from({ length: places }, (_, i) => `place ${i}`),
      visitor: { kind: 'coordinator', key },
    })
    this.client.handle({ kind: 'start' }, clock.now())
  }

  pass(): void {
    this.clock.advance(seconds(2))
    this.client.wake(this.clock.now())
    this.settle()
  }

  settle(): void {
    while (this.#act() || this.#deliver());
  }

  #act(): boolean {
    const output = this.client.poll()
    if (output === undefined) return false
    const now = this.clock.now()
    if (output.kind === 'connect') {
      this.open.add(output.connection)
      this.client.handle({ kind: 'opened', connection: output.connection, version: 2 }, now)
      this.hub.opened(output.connection)
    } else if (output.kind === 'disconnect') {
      this.open.delete(output.connection)
      this.hub.closed(output.connection)
    } else if (output.kind === 'send') {
      if (this.deaf.has(output.connection)) this.unheard.push(output.frames.slice())
      else this.hub.received(output.connection, output.frames, now)
    } else if (output.kind === 'state' && output.state !== this.states.at(-1)) this.states.push(output.state)
    return true
  }

  #deliver(): boolean {
    const now = this.clock.now()
    for (let output = this.hub.poll(); output !== undefined; output = this.hub.poll())
      if (output.kind === 'close' && this.open.delete(output.client))
        this.client.handle({ kind: 'closed', connection: output.client, reason: output.reason }, now)
    const said = [...this.open].flatMap((connection) => {
      const message = this.hub.take(connection)
      return message === undefined ? [] : [{ connection, message }]
    })
    for (const each of said) this.client.handle({ kind: 'received', ...each }, now)
    return said.length > 0
  }
}
