import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FromCoordinator } from '../src/index.ts'
import { ClientWorld, connected, first, second } from './client-world.ts'
import { change, netmap, peer } from './fixture.ts'

test('both endpoints are tried at once; the first whose channel opens wins and the other is closed', () => {
  const world = new ClientWorld()
  world.tell({ kind: 'start' })
  assert.deepEqual(
    world.take('state').map(({ since: _since, ...state }) => state),
    [
      { kind: 'state', state: 'connecting' },
      { kind: 'state', state: 'connected', endpoint: first },
    ],
  )
  assert.equal(world.connections.size, 2)
  assert.equal(world.connection(world.current).endpoint, first)
})

test('an endpoint that is closed, silent, or of a stranger does not keep the other from being used', () => {
  for (const place of ['closed', 'nothing', 'stranger'] as const) {
    const world = new ClientWorld({ places: [place, 'coordinator'] })
    world.tell({ kind: 'start' })
    assert.deepEqual(world.takeStates(), ['connecting', 'connected'], place)
    assert.equal(world.connection(world.current).endpoint, second)
    assert.ok(world.connection(1).isClosed)
  }
})

test('the coordinator hears at once from a node whose channel is open', () => {
  const world = new ClientWorld({ subscribes: false })
  world.tell({ kind: 'start' })
  assert.equal(world.pings, 1)
})

test('a coordinator that became silent is noticed within 15 seconds', () => {
  const world = connected()
  world.pass(25_000)
  assert.ok(world.isConnected)
  world.isAwake = false
  const start = world.now
  while (world.isConnected) world.pass(100)
  assert.ok(world.now - start <= 15_000)
  assert.deepEqual(world.takeStates(), ['away'])
})

test('a living connection is pinged every seven seconds and kept', () => {
  const world = connected()
  world.pass(70_000)
  assert.equal(world.pings, 11)
  assert.deepEqual(world.takeStates(), [])
})

test('after a change of the network a dead connection is noticed within 5 seconds', () => {
  const world = connected()
  world.isAwake = false
  world.tell({ kind: 'network-changed' })
  world.pass(4_999)
  assert.ok(world.isConnected)
  world.pass(1)
  assert.ok(!world.isConnected)
})

test('after a change of the network a living connection stays', () => {
  const world = connected()
  const before = world.current
  world.tell({ kind: 'network-changed' })
  world.pass(60_000)
  assert.equal(world.current, before)
})

test('tries come after 0.5–1 s, then ever later up to 30–60 s', () => {
  const world = new ClientWorld({ places: ['closed', 'closed'] })
  world.tell({ kind: 'start' })
  for (const whole of [1, 2, 4, 8, 16, 32, 60, 60]) {
    const rounds = world.connections.size
    world.pass(whole * 500 - 1)
    assert.equal(world.connections.size, rounds, `no try before ${whole / 2} s`)
    const due = world.client.nextTimeout()
    assert.ok(due !== undefined)
    assert.ok(due - world.now <= whole * 500 + 1, `a try by ${whole} s`)
    world.pass(due - world.now)
    assert.equal(world.connections.size, rounds + 2)
  }
})

test('two nodes do not come back at the same moment', () => {
  const moments = [1, 40].map((seed) => {
    const world = new ClientWorld({ places: ['closed', 'closed'], seed })
    world.tell({ kind: 'start' })
    return world.client.nextTimeout()
  })
  assert.notEqual(moments[0], moments[1])
})

test('where nobody answers, the round ends after 10 seconds and all connections are closed', () => {
  const world = new ClientWorld({ places: ['nothing', 'nothing'] })
  world.tell({ kind: 'start' })
  world.pass(9_999)
  assert.deepEqual(world.takeStates(), ['connecting'])
  world.pass(1)
  assert.ok([...world.connections.values()].every(({ isClosed }) => isClosed))
  const [away] = world.take('state')
  assert.ok(away?.state === 'away')
  assert.equal(
    away.reason,
    'the coordinator cannot be reached: http://192.0.2.1:7480 (no answer), https://weft.example (no answer); see that it runs and that this machine is online',
  )
})

test('why it is away is told once, with the moment since when', () => {
  const world = new ClientWorld({ places: ['closed', 'closed'] })
  world.tell({ kind: 'start' })
  world.pass(20_000)
  const states = world.take('state')
  assert.equal(states.length, 2)
  assert.match(JSON.stringify(states[1]), /192\.0\.2\.1:7480 \(connection refused\)/)
})

test('a stranger at an endpoint is named before those who do not answer', () => {
  const world = new ClientWorld({ places: ['closed', 'stranger'] })
  world.tell({ kind: 'start' })
  assert.match(JSON.stringify(world.take('state')[1]), /not the coordinator of this mesh/)
})

test('a coordinator that accepts and closes at once is not stormed', () => {
  const world = connected()
  for (const whole of [1, 2, 4]) {
    world.close()
    world.pass(whole * 500 - 1)
    assert.ok(!world.isConnected)
    world.pass(whole * 500 + 1)
    assert.ok(world.isConnected)
  }
})

test('a connection that lasted makes the next try an early one', () => {
  const world = connected({ subscribes: false })
  for (let i = 0; i < 5; i++) {
    world.close()
    world.pass(70_000)
    assert.ok(world.isConnected)
  }
  world.close()
  world.pass(1_000)
  assert.ok(world.isConnected)
})

test('a change of the network ends the waiting', () => {
  const world = new ClientWorld({ places: ['closed', 'closed'] })
  world.tell({ kind: 'start' })
  world.pass(60_000)
  world.places.fill('coordinator')
  world.tell({ kind: 'network-changed' })
  assert.ok(world.isConnected)
})

test('a change of the network while it connects begins all connections anew', () => {
  const world = new ClientWorld({ places: ['nothing', 'nothing'] })
  world.tell({ kind: 'start' })
  world.places.fill('coordinator')
  world.tell({ kind: 'network-changed' })
  assert.ok(world.isConnected)
  assert.ok(world.connection(1).isClosed && world.connection(2).isClosed)
})

test('stop closes all, answers what waits, and nothing follows', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.tell({ kind: 'stop' })
  assert.deepEqual(world.takeErrors(), ['stopped'])
  assert.ok([...world.connections.values()].every(({ isClosed }) => isClosed))
  assert.equal(world.client.nextTimeout(), undefined)
  world.tell({ kind: 'start' })
  assert.deepEqual(world.takeStates(), ['connecting', 'connected'])
})

test('what comes of connections that were given up changes nothing', () => {
  const world = connected()
  const lost = world.connection(2)
  assert.ok(lost.isClosed)
  world.tell({ kind: 'connected', connection: 2 })
  world.tell({ kind: 'received', connection: 2, frame: new Uint8Array(113) })
  world.tell({ kind: 'closed', connection: 2 })
  world.tell({ kind: 'closed', connection: 77 })
  assert.ok(world.isConnected)
  assert.deepEqual(world.outputs, [])
})

test('in any order of events a client is connected in the end, and its netmap is one that was sent whole', () => {
  const message: fc.Arbitrary<FromCoordinator> = fc.oneof(
    fc.nat(3).map((n) => netmap(n, [peer(n)])),
    fc.tuple(fc.nat(3), fc.nat(2)).map(([from, by]) => change(from, from + by, { upsert: [peer(9)] })),
  )
  const event = fc.oneof(
    fc.record({ kind: fc.constant('say' as const), message }),
    fc.record({ kind: fc.constant('pass' as const), time: fc.nat(20_000) }),
    fc.constantFrom({ kind: 'close' as const }, { kind: 'garbage' as const }, { kind: 'network' as const }),
    fc.record({ kind: fc.constant('sleep' as const), isAwake: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      const world = new ClientWorld()
      world.tell({ kind: 'start' })
      for (const each of events) {
        if (each.kind === 'pass') world.pass(each.time)
        else if (each.kind === 'network') world.tell({ kind: 'network-changed' })
        else if (each.kind === 'sleep') world.isAwake = each.isAwake
        else if (!world.isConnected) continue
        else if (each.kind === 'say') world.say(each.message)
        else if (each.kind === 'close') world.close()
        else world.sayFrame(new Uint8Array(50))
      }
      for (const { netmap: told } of [...world.take('netmap'), ...world.take('change')]) {
        assert.ok(told.number > 0 && told.peers.length > 0)
      }
      world.isAwake = true
      for (let i = 0; i < 200 && !world.isConnected; i++) world.pass(1_000)
      assert.ok(world.isConnected)
    }),
    { numRuns: 25 },
  )
})
