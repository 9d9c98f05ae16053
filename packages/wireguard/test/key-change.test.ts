import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PrivateKey } from '@weft/keys'
import type { PeerIndex } from '../src/index.ts'
import { at, enginePair, LoneEngine, messageIn, PEER, reasonsIn } from './support/engine-pair.ts'
import { opensslCrypto } from './support/openssl-crypto.ts'
import { SeededRandom } from './support/seeded-random.ts'
import { TwoNodes } from './support/two-nodes.ts'

const SECOND = 1000
const OTHER_PEER = 1 as PeerIndex
const newKey = PrivateKey.generate('node', new SeededRandom(99))
const newPublicKey = newKey.publicKey(opensslCrypto)

describe('another private key', () => {
  test('retires all sessions, once, and forgets them when their time has come', () => {
    const { alice, bob } = enginePair()
    alice.receive(messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-response'), at(0))
    const outputs = alice.tell({ kind: 'set-private-key', privateKey: newKey }, at(1))
    assert.deepEqual(outputs, [{ kind: 'retire-sessions', peer: PEER }])
    assert.deepEqual(alice.tell({ kind: 'set-private-key', privateKey: newKey }, at(2)), [], 'the same again')
    assert.deepEqual(alice.wake(at(540 * SECOND)), [{ kind: 'forget-sessions', peer: PEER }])
    assert.equal(alice.engine.nextTimeout(), undefined)
  })

  test('that is the one it had changes nothing', () => {
    const { alice, bob } = enginePair()
    alice.receive(messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-response'), at(0))
    assert.deepEqual(alice.tell({ kind: 'set-private-key', privateKey: alice.privateKey }, at(1)), [])
  })

  test('lets a handshake under way begin anew, at once, and a response to the old one come to nothing', () => {
    const { alice, bob } = enginePair()
    const response = messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-response')
    const outputs = alice.tell({ kind: 'set-private-key', privateKey: newKey }, at(1))
    bob.tell({ kind: 'add-peer', peer: OTHER_PEER, publicKey: newPublicKey }, at(1))
    assert.deepEqual(reasonsIn(alice.receive(response, at(2))), ['mac1-wrong'])
    const answer = bob.receive(messageIn(outputs, 'send-initiation'), at(3))
    assert.equal(answer[0]?.kind === 'install-session' && answer[0].peer, OTHER_PEER)
    assert.ok(alice.receive(messageIn(answer, 'send-response'), at(4)).some(({ kind }) => kind === 'install-session'))
  })

  test('removes the peer that has it as its own', () => {
    const { alice } = enginePair()
    alice.tell({ kind: 'add-peer', peer: OTHER_PEER, publicKey: newPublicKey }, at(0))
    assert.deepEqual(alice.tell({ kind: 'set-private-key', privateKey: newKey }, at(1)), [
      { kind: 'forget-sessions', peer: OTHER_PEER },
      { kind: 'peer-removed', peer: OTHER_PEER },
    ])
    assert.deepEqual(alice.tell({ kind: 'session-wanted', peer: OTHER_PEER }, at(2)), [])
    assert.deepEqual(alice.tell({ kind: 'add-peer', peer: OTHER_PEER, publicKey: newPublicKey }, at(3)), [
      { kind: 'peer-removed', peer: OTHER_PEER },
    ])
    assert.ok(alice.initiate(at(4)), 'others stay')
  })

  test('under traffic loses no packet that is sent from then on', () => {
    const net = new TwoNodes()
    for (let i = 0; i < 3000; i++) net.send(net.alice, `${i}`, i * 10)
    net.at(10 * SECOND + 5, (now) => {
      net.bob.engine.handle({ kind: 'remove-peer', peer: PEER }, now)
      net.bob.engine.handle({ kind: 'add-peer', peer: PEER, publicKey: newPublicKey }, now)
      net.alice.engine.handle({ kind: 'set-private-key', privateKey: newKey }, now)
      net.alice.settle(now)
    })
    net.run(40 * SECOND)
    assert.deepEqual(
      net.bob.delivered.slice(-1999),
      Array.from({ length: 1999 }, (_, i) => `${1001 + i}`),
    )
    assert.ok(net.isAgreed)
  })

  test('loses nothing that the other end sends before it knows', () => {
    const net = new TwoNodes()
    for (let i = 0; i < 2000; i++) net.send(net.bob, `${i}`, i * 10)
    net.at(10 * SECOND + 5, (now) => {
      net.alice.engine.handle({ kind: 'set-private-key', privateKey: newKey }, now)
      net.alice.settle(now)
    })
    net.run(21 * SECOND)
    assert.deepEqual(
      net.alice.delivered,
      Array.from({ length: 2000 }, (_, i) => `${i}`),
    )
  })

  test('lets a packet from the other end through again as soon as it knows the key', () => {
    const net = new TwoNodes()
    net.send(net.bob, 'before')
    net.run(10 * SECOND)
    net.at(0, (now) => {
      net.alice.engine.handle({ kind: 'set-private-key', privateKey: newKey }, now)
      net.alice.settle(now)
      net.bob.engine.handle({ kind: 'remove-peer', peer: PEER }, now)
      net.bob.engine.handle({ kind: 'add-peer', peer: PEER, publicKey: newPublicKey }, now)
      net.bob.engine.handle({ kind: 'session-wanted', peer: PEER }, now)
      net.bob.settle(now)
    })
    net.send(net.bob, 'after', 100)
    net.run(SECOND)
    assert.deepEqual(net.alice.delivered, ['before', 'after'])
  })
})

describe('without a private key', () => {
  test('nothing is answered, and what is wanted goes out when there is one', () => {
    const { alice, bob } = enginePair()
    alice.tell({ kind: 'set-private-key' }, at(0))
    assert.deepEqual(reasonsIn(alice.receive(bob.initiate(at(0)), at(0))), ['no-private-key'])
    assert.deepEqual(alice.tell({ kind: 'session-wanted', peer: PEER }, at(1)), [])
    assert.deepEqual(alice.wake(at(200_000)), [])
    const outputs = alice.tell({ kind: 'set-private-key', privateKey: alice.privateKey }, at(200_000))
    assert.equal(bob.receive(messageIn(outputs, 'send-initiation'), at(200_000))[0]?.kind, 'install-session')
  })

  test('an engine can begin, and have peers', () => {
    const bob = new LoneEngine(5, 1)
    const { alice } = enginePair()
    alice.tell({ kind: 'set-private-key' }, at(0))
    alice.tell({ kind: 'add-peer', peer: OTHER_PEER, publicKey: bob.publicKey }, at(0))
    alice.tell({ kind: 'set-private-key', privateKey: newKey }, at(0))
    assert.ok(alice.initiate(at(0), OTHER_PEER))
  })
})

test('another preshared key holds from the next handshake on, and none again after it', () => {
  const { alice, bob } = enginePair()
  const presharedKey = new Uint8Array(32).fill(7)
  const handshake = (ms: number): string[] => {
    const response = messageIn(bob.receive(alice.initiate(at(ms)), at(ms)), 'send-response')
    return reasonsIn(alice.receive(response, at(ms)))
  }
  assert.deepEqual(handshake(0), [])
  alice.tell({ kind: 'set-preshared-key', peer: PEER, presharedKey }, at(1))
  assert.deepEqual(handshake(10_000), ['response-not-authentic'])
  bob.tell({ kind: 'set-preshared-key', peer: PEER, presharedKey }, at(10_000))
  const retry = messageIn(alice.wake(at(16_000)), 'send-initiation')
  assert.deepEqual(reasonsIn(alice.receive(messageIn(bob.receive(retry, at(16_000)), 'send-response'), at(16_000))), [])
  bob.tell({ kind: 'set-preshared-key', peer: PEER }, at(17_000))
  assert.deepEqual(handshake(30_000), ['response-not-authentic'])
  alice.wake(at(121_000))
  alice.tell({ kind: 'set-preshared-key', peer: PEER }, at(121_000))
  assert.deepEqual(handshake(130_000), [])
})
