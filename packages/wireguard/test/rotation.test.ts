import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PrivateKey } from '@weft/keys'
import { at, enginePair, messageIn, PEER, reasonsIn } from './support/engine-pair.ts'
import { opensslCrypto } from './support/openssl-crypto.ts'
import { SeededRandom } from './support/seeded-random.ts'
import type { SimulatedNode } from './support/simulated-node.ts'
import { TwoNodes } from './support/two-nodes.ts'

const SECOND = 1000
const RANDOM_ROTATIONS = process.env.WEFT_LONG === '1' ? 1000 : 60
const newKey = PrivateKey.generate('node', new SeededRandom(99))
const newPublicKey = newKey.publicKey(opensslCrypto)

describe('a node that is to be known by another key', () => {
  test('keeps its sessions, and answers to both keys', () => {
    const { alice, bob } = enginePair()
    alice.receive(messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-response'), at(0))
    assert.deepEqual(
      alice.tell({ kind: 'change-private-keys', privateKeys: [alice.privateKey, newKey] }, at(1)),
      [],
      'nothing is retired',
    )
    const byOld = alice.receive(bob.initiate(at(10 * SECOND)), at(10 * SECOND))
    assert.ok(byOld.some(({ kind }) => kind === 'send-response'))
    const outputs = bob.tell({ kind: 'change-peer-key', peer: PEER, publicKey: newPublicKey }, at(20 * SECOND))
    const byNew = alice.receive(messageIn(outputs, 'send-initiation'), at(20 * SECOND))
    assert.ok(byNew.some(({ kind }) => kind === 'send-response'))
  })

  test('initiates by the one and the other in turn, until one is answered', () => {
    const { alice, bob } = enginePair()
    alice.tell({ kind: 'change-private-keys', privateKeys: [newKey, alice.privateKey] }, at(0))
    assert.deepEqual(reasonsIn(bob.receive(alice.initiate(at(0)), at(0))), ['initiator-unknown'])
    const second = messageIn(alice.wake(at(6 * SECOND)), 'send-initiation')
    const response = messageIn(bob.receive(second, at(6 * SECOND)), 'send-response')
    assert.deepEqual(reasonsIn(alice.receive(response, at(6 * SECOND))), [])
    const third = alice.initiate(at(20 * SECOND))
    assert.deepEqual(reasonsIn(bob.receive(third, at(20 * SECOND))), [], 'that key is tried first from then on')
  })

  test('answers to the old one no more once it is gone, and begins anew what it began with it', () => {
    const { alice, bob } = enginePair()
    const response = messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-response')
    const outputs = alice.tell({ kind: 'change-private-keys', privateKeys: [newKey] }, at(1))
    assert.deepEqual(reasonsIn(alice.receive(response, at(2))), ['mac1-wrong'])
    bob.tell({ kind: 'change-peer-key', peer: PEER, publicKey: newPublicKey }, at(2))
    assert.deepEqual(reasonsIn(bob.receive(messageIn(outputs, 'send-initiation'), at(100))), [])
    assert.deepEqual(reasonsIn(alice.receive(bob.initiate(at(10 * SECOND)), at(10 * SECOND))), [])
  })

  test('that is a present peer’s removes that peer', () => {
    const { alice } = enginePair()
    const other = 1 as typeof PEER
    alice.tell({ kind: 'add-peer', peer: other, publicKey: newPublicKey }, at(0))
    assert.deepEqual(alice.tell({ kind: 'change-private-keys', privateKeys: [alice.privateKey, newKey] }, at(1)), [
      { kind: 'forget-sessions', peer: other },
      { kind: 'peer-removed', peer: other },
    ])
  })
})

describe('a peer that is known by another key', () => {
  test('is asked for a session with it where packets are exchanged, and not where none are', () => {
    const { alice, bob } = enginePair()
    const change = { kind: 'change-peer-key', peer: PEER, publicKey: newPublicKey } as const
    assert.deepEqual(bob.tell(change, at(0)), [])
    bob.tell({ ...change, publicKey: alice.publicKey }, at(0))
    bob.receive(messageIn(alice.receive(bob.initiate(at(0)), at(0)), 'send-response'), at(0))
    assert.ok(messageIn(bob.tell(change, at(10 * SECOND)), 'send-initiation'))
  })

  test('is asked 5 s after the last handshake, for packets may be under way in the session before', () => {
    const { alice, bob } = enginePair()
    bob.receive(messageIn(alice.receive(bob.initiate(at(0)), at(0)), 'send-response'), at(0))
    assert.deepEqual(bob.tell({ kind: 'change-peer-key', peer: PEER, publicKey: newPublicKey }, at(1)), [])
    assert.equal(bob.engine.nextTimeout(), at(5 * SECOND).instant)
    assert.ok(messageIn(bob.wake(at(5 * SECOND)), 'send-initiation'))
  })

  test('is refused with the old one from then on', () => {
    const { alice, bob } = enginePair()
    bob.receive(messageIn(alice.receive(bob.initiate(at(0)), at(0)), 'send-response'), at(0))
    bob.tell({ kind: 'change-peer-key', peer: PEER, publicKey: newPublicKey }, at(1))
    assert.deepEqual(reasonsIn(bob.receive(alice.initiate(at(10 * SECOND)), at(10 * SECOND))), ['initiator-unknown'])
  })

  test('cannot replay an initiation under another key', () => {
    const { alice, bob } = enginePair()
    const initiation = alice.initiate(at(0))
    assert.deepEqual(reasonsIn(bob.receive(initiation, at(0))), [])
    bob.tell({ kind: 'change-peer-key', peer: PEER, publicKey: newPublicKey }, at(1))
    bob.tell({ kind: 'change-peer-key', peer: PEER, publicKey: alice.publicKey }, at(2))
    assert.deepEqual(reasonsIn(bob.receive(initiation, at(1000))), ['initiation-replayed'])
  })
})

/** When each of the steps of one node's rotation comes to pass, in milliseconds. */
interface Rotation {
  readonly made: number
  readonly heard: number
  readonly accepted: number
  readonly over: number
}

test('whoever hears first, and where both rotate at once, no packet of two that talk is lost', () => {
  for (let seed = 1; seed <= RANDOM_ROTATIONS; seed++) {
    const net = new TwoNodes({ seed })
    const { random } = net
    const delay = 1 + random.below(300)
    net.wire = () => [delay]
    const end = 300 * SECOND
    const interval = 50 + random.below(400)
    const hasBoth = random.chance(0.7)
    let sent = 0
    for (let when = 0; when < end; when += interval) {
      sent++
      net.send(net.alice, `${sent}`, when)
      if (hasBoth) net.send(net.bob, `${sent}`, when + random.below(interval))
    }
    rotate(net, net.alice, net.bob, rotationOf(random))
    if (random.chance(0.5)) rotate(net, net.bob, net.alice, rotationOf(random))
    net.run(end + 10 * SECOND)
    // A renewal may be under way.
    if (!net.isAgreed) net.run(SECOND)
    const all = Array.from({ length: sent }, (_, i) => `${i + 1}`)
    assert.deepEqual(missing(net.bob, all), [], `seed ${seed}: to bob`)
    if (hasBoth) assert.deepEqual(missing(net.alice, all), [], `seed ${seed}: to alice`)
    assert.ok(net.isAgreed, `seed ${seed}: one session`)
  }
})

test('two that are silent while one rotates reach each other afterwards, whoever begins', () => {
  for (let seed = 1; seed <= RANDOM_ROTATIONS; seed++) {
    const net = new TwoNodes({ seed })
    const { random } = net
    if (random.chance(0.5)) net.send(net.alice, 'before')
    const rotation = rotationOf(random)
    rotate(net, net.alice, net.bob, rotation)
    if (random.chance(0.5)) rotate(net, net.bob, net.alice, rotationOf(random))
    const [first, second] = random.chance(0.5) ? [net.alice, net.bob] : [net.bob, net.alice]
    // By the second all sessions have ended: one that is about to may end under way.
    const moments = [random.below(200 * SECOND), 420 * SECOND] as const
    for (const moment of moments) net.send(first, `from ${first.name} at ${moment}`, moment)
    net.send(second, 'an answer', 430 * SECOND)
    net.run(440 * SECOND)
    for (const moment of moments)
      assert.ok(second.delivered.includes(`from ${first.name} at ${moment}`), `seed ${seed}: ${moment}`)
    assert.ok(first.delivered.includes('an answer'), `seed ${seed}`)
  }
})

/** The coordinator may tell the peer before it answers the node itself, or after. The old key goes at last. */
function rotationOf(random: SeededRandom): Rotation {
  const made = 1 + random.below(random.chance(0.5) ? SECOND : 150 * SECOND)
  const longest = random.chance(0.5) ? 300 : 60 * SECOND
  const [heard, accepted] = [made + random.below(longest), made + random.below(longest)]
  return { made, heard, accepted, over: Math.max(heard, accepted) + 1 + random.below(60 * SECOND) }
}

let rotations = 0

function rotate(net: TwoNodes, node: SimulatedNode, peer: SimulatedNode, when: Rotation): void {
  const before = node === net.alice ? net.aliceKey : net.bobKey
  const after = PrivateKey.generate('node', new SeededRandom(1000 + rotations++))
  const take = (moment: number, privateKeys: readonly PrivateKey<'node'>[]) =>
    net.at(moment, (now) => {
      node.engine.handle({ kind: 'change-private-keys', privateKeys }, now)
      node.settle(now)
    })
  take(when.made, [before, after])
  take(when.accepted, [after, before])
  take(when.over, [after])
  net.at(when.heard, (now) => {
    peer.engine.handle({ kind: 'change-peer-key', peer: PEER, publicKey: after.publicKey(opensslCrypto) }, now)
    peer.settle(now)
  })
}

function missing(node: SimulatedNode, all: readonly string[]): readonly string[] {
  const delivered = new Set(node.delivered)
  return all.filter((packet) => !delivered.has(packet))
}
