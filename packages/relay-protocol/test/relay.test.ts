import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from '@weft/base'
import { type NodeId, PrivateKey } from '@weft/keys'
import { defaultHubLimits } from '@weft/relay-protocol'
import { World } from './relay-world.ts'

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
