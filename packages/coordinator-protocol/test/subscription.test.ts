import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBase64 } from '@weft/base'
import type { Params } from '../src/index.ts'
import { alice, ClientWorld, connected, lastParams } from './client-world.ts'
import { chain, change, netmap, nodeIdNumber, peer, record } from './fixture.ts'
import { fromNodeVersion1 } from './version-1.ts'

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
