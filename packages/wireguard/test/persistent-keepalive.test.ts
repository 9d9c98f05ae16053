import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes, seconds } from '@weft/base'
import { publicKeyFromBytes } from '@weft/keys'
import type { PeerIndex } from '../src/index.ts'
import { at, enginePair } from './support/engine-pair.ts'
import { SeededRandom } from './support/seeded-random.ts'
import { PEER, type SimulatedNode, simulatedNow } from './support/simulated-node.ts'
import { TwoNodes } from './support/two-nodes.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const DELAY = 20

test('a persistent keepalive begins at once, makes a session, and goes out each time the tunnel was silent so long', () => {
  const net = kept(25)
  net.run(101 * SECOND)
  assert.ok(net.isAgreed)
  // The first makes the session, and what confirms it is a keepalive too.
  assert.deepEqual(
    net.alice.timesOf('send-keepalive').map((time) => Math.round(time / SECOND)),
    [0, 0, 25, 50, 75, 100],
  )
})

test('it can be given with the peer', () => {
  const { alice, bob } = enginePair()
  alice.tell({ kind: 'remove-peer', peer: PEER }, at(0))
  const peer = { kind: 'add-peer', peer: PEER, publicKey: bob.publicKey } as const
  alice.tell({ ...peer, persistentKeepalive: seconds(25) }, at(0))
  assert.deepEqual(alice.wake(at(0)), [
    { kind: 'send-keepalive', peer: PEER },
    { kind: 'watch-activity', peer: PEER, activity: 'received' },
  ])
})

test('packets in either direction put it off', () => {
  for (const sender of ['alice', 'bob'] as const) {
    const net = kept(25)
    net.run(SECOND)
    const before = net.alice.timesOf('send-keepalive').length
    for (let at = 0; at < 100; at += 5) {
      net.send(net[sender], 'a', at * SECOND)
      // The answer, so that no keepalive is owed.
      net.send(net[sender === 'alice' ? 'bob' : 'alice'], 'b', at * SECOND + 500)
    }
    net.run(100 * SECOND)
    assert.equal(net.alice.timesOf('send-keepalive').length, before)
  }
})

test('packets in one direction alone put it off too', () => {
  const sending = kept(8)
  sending.run(SECOND)
  const before = sending.alice.timesOf('send-keepalive').length
  for (let at = 0; at < 100; at += 5) sending.send(sending.alice, 'a', at * SECOND)
  sending.run(100 * SECOND)
  assert.equal(sending.alice.timesOf('send-keepalive').length, before)

  const receiving = kept(8)
  receiving.run(SECOND)
  for (let at = 0; at < 100; at += 5) receiving.send(receiving.bob, 'b', at * SECOND)
  receiving.run(100 * SECOND)
  const times = receiving.alice.timesOf('send-keepalive').slice(2)
  for (const [i, time] of times.slice(1).entries()) assert.ok(time - (times[i] ?? 0) >= 10 * SECOND, 'owed ones only')
})

test('it keeps a session for 24 hours, renewed in time', () => {
  const net = kept(25)
  net.run(24 * HOUR)
  assert.ok(net.isAgreed)
  net.send(net.bob, 'hello')
  net.run(DELAY)
  assert.deepEqual(net.alice.delivered, ['hello'], 'at any time')
  const handshakes = net.alice.timesOf('handshake-complete').length
  assert.ok(handshakes >= 570 && handshakes <= 721, `${handshakes} handshakes`)
})

test('it tries again where nobody answers, for as long as it is set', () => {
  const net = new TwoNodes({ wire: () => [] })
  setInterval(net, net.alice, 25)
  net.run(HOUR)
  assert.ok(net.alice.timesOf('given-up').length > 25)
  net.wire = () => [DELAY]
  net.run(120 * SECOND)
  assert.ok(net.isAgreed)
})

test('it ends when it is taken back', () => {
  const net = kept(25)
  net.run(60 * SECOND)
  setInterval(net, net.alice, undefined)
  const before = net.alice.timesOf('send-keepalive').length
  net.run(1000 * SECOND)
  assert.equal(net.alice.timesOf('send-keepalive').length, before)
  assert.equal(net.alice.engine.nextTimeout(), undefined)
})

test('10,000 peers cost a wake only what is due, and the next deadline nothing', () => {
  const { alice } = enginePair()
  const random = new SeededRandom(10)
  const peerAt = (i: number): PeerIndex => (100 + i) as PeerIndex
  for (let i = 0; i < 10_000; i++) {
    const publicKey = publicKeyFromBytes('node', randomBytes(random, 32))
    alice.tell({ kind: 'add-peer', peer: peerAt(i), publicKey, persistentKeepalive: seconds(1000 + i) }, at(0))
  }
  const kept = (ms: number) => alice.wake(at(ms)).filter(({ kind }) => kind === 'send-keepalive').length
  assert.equal(kept(0), 10_000)
  for (let i = 0; i < 200; i++) {
    assert.equal(alice.engine.nextTimeout(), at((1000 + i) * SECOND).instant)
    assert.equal(kept((1000 + i) * SECOND), 1)
  }
  const begun = performance.now()
  // Looking at 10,000 each time would be 2,000,000,000 steps.
  for (let i = 0; i < 200_000; i++) alice.engine.nextTimeout()
  assert.ok(performance.now() - begun < 2_000)
})

test('an interval below nothing, or above 65,535 s, is our own fault', () => {
  const net = new TwoNodes()
  for (const interval of [0, -1, 65_536]) assert.throws(() => setInterval(net, net.alice, interval))
})

function kept(interval: number): TwoNodes {
  const net = new TwoNodes()
  setInterval(net, net.alice, interval)
  return net
}

function setInterval(net: TwoNodes, node: SimulatedNode, interval: number | undefined): void {
  const now = simulatedNow(net.now)
  const change = { kind: 'set-persistent-keepalive', peer: PEER } as const
  node.engine.handle(interval === undefined ? change : { ...change, interval: seconds(interval) }, now)
  node.settle(now)
}
