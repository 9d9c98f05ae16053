import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBase64 } from '@weft/base'
import fc from 'fast-check'
import type { FromCoordinator, Params } from '../src/index.ts'
import { alice, ClientWorld, first, second } from './client-world.ts'
import { chain, change, netmap, nodeIdNumber, peer, record } from './fixture.ts'
import { fromNodeVersion1 } from './version-1.ts'

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

test('a client subscribes, gets its netmap and then changes', () => {
  const world = connected()
  assert.deepEqual(
    world.heard.map((message) => (message.type === 'request' ? message.params : undefined)),
    [{ node: alice }],
  )
  world.answer({ result: {} })
  world.say(netmap(3, [peer(1)]))
  const step = change(3, 5, { upsert: [peer(2)] })
  world.say(step)
  assert.deepEqual(world.outputs, [
    { kind: 'netmap', netmap: netmap(3, [peer(1)]) },
    { kind: 'change', change: step, netmap: netmap(5, [peer(1), peer(2)]) },
  ])
})

test('after a lost connection it subscribes with what it holds, and goes on from there', () => {
  const world = connected()
  world.say(netmap(3, [peer(1)]))
  world.say(change(3, 4))
  world.close()
  world.pass(1_000)
  assert.deepEqual(lastParams(world), { node: alice, epoch: 'first', number: 4 })
  world.outputs.length = 0
  world.answer({ result: {} })
  world.say(change(4, 6, { remove: [nodeIdNumber(1)] }))
  assert.deepEqual(
    world.take('change').map((output) => output.netmap),
    [netmap(6)],
  )
})

test('a client that begins with a netmap from disk subscribes with it', () => {
  const world = new ClientWorld({ held: netmap(9) })
  world.tell({ kind: 'start' })
  assert.deepEqual(lastParams(world), { node: alice, epoch: 'first', number: 9 })
})

test('a coordinator with a new database sends the whole, and its epoch counts from then on', () => {
  const world = new ClientWorld({ held: netmap(9, [peer(1)]) })
  world.tell({ kind: 'start' })
  world.answer({ result: {} })
  const whole = netmap(2, [peer(5)], { epoch: 'second' })
  world.say(whole)
  assert.deepEqual(world.take('netmap'), [{ kind: 'netmap', netmap: whole }])
  world.close()
  world.pass(1_000)
  assert.deepEqual(lastParams(world), { node: alice, epoch: 'second', number: 2 })
})

test('a gap in the numbers makes it subscribe anew, and nothing is told until the whole has come', () => {
  const world = connected()
  world.say(netmap(3, [peer(1)]))
  world.outputs.length = 0
  world.say(change(4, 5))
  assert.deepEqual(lastParams(world), { node: alice })
  world.say(change(3, 4))
  assert.deepEqual(world.outputs, [])
  world.say(netmap(5))
  assert.deepEqual(world.outputs, [{ kind: 'netmap', netmap: netmap(5) }])
})

for (const code of ['not-registered', 'database-older'])
  test(`a coordinator that answers ${code} is brought back what the node knows of itself, and asked for the whole`, () => {
    const world = new ClientWorld({ held: netmap(3, [peer(1)]), proof: { record, chain } })
    world.tell({ kind: 'start' })
    world.answer({ error: { code, message: 'lost' } })
    const { name, address4 } = netmap(3).self
    assert.equal(world.methods().at(-1), 'bring-back')
    assert.deepEqual(lastParams(world), { record, chain, name, address4 })
    world.answer({ result: {} })
    assert.deepEqual(lastParams(world), { node: alice })
    world.answer({ result: {} })
    world.say(change(3, 4))
    assert.deepEqual(world.take('change'), [], 'no change fits before the whole has come')
    world.say(netmap(2))
    assert.deepEqual(world.take('netmap'), [{ kind: 'netmap', netmap: netmap(2) }])
  })

test('a node brings itself back once on a channel, and goes when it is not wanted', () => {
  const world = new ClientWorld({ held: netmap(3, [peer(1)]), proof: { record, chain } })
  world.tell({ kind: 'start' })
  world.answer({ error: { code: 'not-registered', message: 'unknown' } })
  world.answer({ error: { code: 'not-registered', message: 'unknown' } })
  assert.ok(!world.isConnected)
  assert.deepEqual(world.take('netmap'), [])
})

test('a node with nothing to bring back asks an older database for the whole', () => {
  const world = new ClientWorld({ held: netmap(3, [peer(1)]) })
  world.tell({ kind: 'start' })
  world.answer({ error: { code: 'database-older', message: 'older' } })
  assert.deepEqual(lastParams(world), { node: alice })
})

test('a node that does not know what was revoked asks for the whole', () => {
  const { revocations: _, ...held } = netmap(9)
  const world = new ClientWorld({ held })
  world.tell({ kind: 'start' })
  assert.deepEqual(lastParams(world), { node: alice })
})

test('a node brings back all that was revoked, in parts, before it asks an older database for the whole', () => {
  const revocations = Array.from({ length: 120 }, (_, i) => toBase64(new Uint8Array(300).fill(i)))
  const world = new ClientWorld({ held: netmap(3, [], { revocations }), proof: { record, chain } })
  world.tell({ kind: 'start' })
  world.answer({ error: { code: 'database-older', message: 'older' } })
  for (let asked = 0; asked < 4; asked++) world.answer({ result: {} })
  assert.deepEqual(world.methods().slice(-5), ['bring-back', 'revoke', 'revoke', 'revoke', 'subscribe'])
  const brought = world.heard.flatMap((each) =>
    each.type === 'request' && each.method === 'revoke' ? (each.params as Params<'revoke'>).revocations : [],
  )
  assert.deepEqual(brought, revocations)
  assert.deepEqual(lastParams(world), { node: alice })
})

test('a coordinator that takes no revocations now is asked for the whole all the same', () => {
  const world = new ClientWorld({ held: netmap(3, [], { revocations: [toBase64(new Uint8Array(300))] }) })
  world.tell({ kind: 'start' })
  world.answer({ error: { code: 'database-older', message: 'older' } })
  world.answer({ error: { code: 'busy', message: 'busy' } })
  assert.deepEqual(world.methods(), ['subscribe', 'revoke', 'subscribe'])
})

test('a device that was removed hears of it', () => {
  const world = connected()
  const revocation = toBase64(new Uint8Array(300))
  world.say({ type: 'removed', revocation })
  assert.deepEqual(world.take('removed'), [{ kind: 'removed', revocation }])
})

test('an older coordinator is told nothing but what version 1 has, and goes on', () => {
  const revocations = [toBase64(new Uint8Array(300))]
  const { revocations: _, ...old } = netmap(3, [peer(1)])
  const world = new ClientWorld({ version: 1, held: { ...old, revocations }, proof: { record, chain } })
  world.tell({ kind: 'start' })
  assert.deepEqual(lastParams(world), { node: alice, epoch: 'first', number: 3 })
  world.answer({ error: { code: 'database-older', message: 'older' } })
  world.answer({ result: {} })
  world.answer({ result: {} })
  world.say({ ...old, number: 8 })
  world.close()
  world.pass(1_000)
  assert.deepEqual(lastParams(world), { node: alice, epoch: 'first', number: 8 })
  assert.deepEqual(world.methods(), ['subscribe', 'bring-back', 'subscribe', 'subscribe'])
  for (const text of world.heardTexts) fromNodeVersion1.parse(JSON.parse(text))
})

test('whatever the coordinator says or fails to say, no netmap is told that it did not send whole', () => {
  const faults: readonly ((world: ClientWorld) => void)[] = [
    (world) => world.sayText('no JSON'),
    (world) => world.sayText('{"type":"netmap","peers":[]}'),
    (world) => world.sayText(JSON.stringify({ ...netmap(5), unknown: 1 })),
    (world) => world.sayFrame(new Uint8Array(40)),
    (world) => world.answer({ error: { code: 'failed', message: 'the database is locked' } }),
    (world) => world.answer({ error: { code: 'not-registered', message: 'this device was removed' } }),
    (world) => world.close(),
    (world) => {
      world.isAwake = false
      world.pass(15_000)
    },
  ]
  for (const [i, fault] of faults.entries()) {
    const world = new ClientWorld({ held: netmap(3, [peer(1)]) })
    world.tell({ kind: 'start' })
    world.takeStates()
    fault(world)
    assert.equal(world.takeStates()[0], 'away', `fault ${i}`)
    assert.deepEqual(world.outputs, [], `fault ${i}`)
    world.isAwake = true
    world.pass(1_000)
    assert.deepEqual(lastParams(world), { node: alice, epoch: 'first', number: 3 }, `fault ${i}`)
  }
})

test('changes that never fit close the connection instead of asking for the whole for ever', () => {
  const world = connected()
  world.say(netmap(3))
  world.say(change(9, 10))
  world.say(netmap(4))
  world.say(change(9, 10))
  assert.ok(!world.isConnected)
  assert.deepEqual(world.methods(), ['subscribe', 'subscribe'])
})

test('a subscription that is not answered within ten seconds is tried on a new connection', () => {
  const world = connected({ answered: false })
  world.pass(9_999)
  assert.ok(world.isConnected)
  const before = world.current
  world.pass(1)
  world.pass(1_000)
  assert.notEqual(world.current, before)
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

test('requests wait for the channel, are sent once and get the answers to them', () => {
  const world = new ClientWorld({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 11 })
  world.tell({ kind: 'request', method: 'link-revoke', params: { id: 'abc' }, token: 12 })
  world.tell({ kind: 'start' })
  assert.deepEqual(world.methods(), ['link-list', 'link-revoke'])
  const [list, revoke] = world.heard
  assert.ok(list?.type === 'request' && revoke?.type === 'request')
  world.say({ type: 'answer', id: revoke.id, result: {} })
  world.say({ type: 'answer', id: list.id, error: { code: 'not-allowed', message: 'no' } })
  assert.deepEqual(world.take('answer'), [
    { kind: 'answer', token: 12, method: 'link-revoke', result: {} },
    { kind: 'answer', token: 11, method: 'link-list', error: { code: 'not-allowed', message: 'no' } },
  ])
})

test('a request without an answer fails after 10 seconds, and an answer that comes later is dropped', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.pass(9_999)
  assert.deepEqual(world.takeErrors(), [])
  world.pass(1)
  assert.deepEqual(world.takeErrors(), ['timeout'])
  world.answer({ result: { links: [] } })
  assert.deepEqual(world.takeErrors(), [])
  assert.ok(world.isConnected)
})

test('a request that was sent is not sent again after a lost connection', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.close()
  assert.deepEqual(world.takeErrors(), ['away'])
  world.pass(1_000)
  assert.ok(world.isConnected)
  assert.deepEqual(world.methods(), ['link-list'])
})

test('requests fail with the reason when no endpoint leads to the coordinator', () => {
  const world = new ClientWorld({ places: ['closed', 'stranger'], subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.tell({ kind: 'start' })
  const [answer] = world.take('answer')
  assert.ok(answer && 'error' in answer)
  assert.equal(answer.error.code, 'away')
  assert.match(answer.error.message, /not the coordinator of this mesh/)
})

test('an answer that is none of the method is an error, not a result', () => {
  const world = connected({ subscribes: false })
  world.tell({ kind: 'request', method: 'link-list', params: {}, token: 1 })
  world.answer({ result: { links: 'many' } })
  assert.deepEqual(world.takeErrors(), ['answer-malformed'])
})

test('more requests than 64 at once are refused', () => {
  const world = new ClientWorld({ subscribes: false })
  for (let token = 0; token < 66; token++) world.tell({ kind: 'request', method: 'link-list', params: {}, token })
  assert.deepEqual(world.takeErrors(), ['busy', 'busy'])
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

test('after a join the same connection is subscribed', () => {
  const world = connected({ subscribes: false })
  assert.deepEqual(world.heard, [])
  world.tell({ kind: 'subscribe', node: alice })
  assert.deepEqual(lastParams(world), { node: alice })
  world.answer({ result: {} })
  world.say(netmap(1))
  assert.equal(world.take('netmap').length, 1)
})

test('netmaps that nobody asked for are not told', () => {
  const world = connected({ subscribes: false })
  world.say(netmap(1))
  world.say(change(1, 2))
  assert.deepEqual(world.outputs, [])
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

function connected(options: { subscribes?: boolean; answered?: boolean } = {}): ClientWorld {
  const world = new ClientWorld({ subscribes: options.subscribes ?? true })
  world.tell({ kind: 'start' })
  assert.ok(world.isConnected)
  if (options.answered !== false && options.subscribes !== false) world.answer({ result: {} })
  world.outputs.length = 0
  return world
}

function lastParams(world: ClientWorld): object {
  const request = world.heard.at(-1)
  assert.ok(request?.type === 'request')
  return request.params
}
