import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Datagram, SimulatedNode } from './support/simulated-node.ts'
import { TwoNodes } from './support/two-nodes.ts'

const SECOND = 1000
const DELAY = 20
const RANDOM_PAIRS = process.env.WEFT_LONG === '1' ? 1000 : 150

test('initiations that cross end in one session, the one of the smaller public key', () => {
  for (const offset of [-39, -20, -1, 0, 1, 20, 39]) {
    const net = new TwoNodes({ wire: () => [DELAY] })
    net.send(net.alice, 'from alice', Math.max(0, offset))
    net.send(net.bob, 'from bob', Math.max(0, -offset))
    net.run(SECOND)
    assert.deepEqual(net.bob.delivered, ['from alice'], `offset ${offset}`)
    assert.deepEqual(net.alice.delivered, ['from bob'], `offset ${offset}`)
    assert.ok(net.isAgreed, `offset ${offset}`)
  }
})

test('crossing again and again at each renewal does not happen: the initiator of the one session renews it', () => {
  const net = new TwoNodes({ wire: () => [DELAY] })
  for (let second = 0; second < 400; second++) {
    net.send(net.alice, 'a', second * SECOND)
    net.send(net.bob, 'b', second * SECOND)
  }
  net.run(401 * SECOND)
  assert.equal(net.bob.timesOf('send-initiation').length, 1)
  assert.equal(net.bob.delivered.length, 400)
  assert.equal(net.alice.delivered.length, 400)
  assert.ok(net.isAgreed)
})

// A stock peer forgets its own initiation when it answers ours, which is as if our response to it were lost.
for (const stock of ['alice', 'bob'] as const) {
  test(`where ${stock} forgets the own initiation when answering, a session is there within two seconds`, () => {
    const net = new TwoNodes()
    net.wire = (from, datagram) => (isResponse(datagram) && from.name !== stock ? [] : [DELAY])
    net.send(net.alice, 'from alice')
    net.send(net.bob, 'from bob')
    net.run(2 * SECOND)
    assert.deepEqual(net.bob.delivered, ['from alice'])
    assert.deepEqual(net.alice.delivered, ['from bob'])
    assert.ok(net.isAgreed)
    const initiations = [...net.alice.timesOf('send-initiation'), ...net.bob.timesOf('send-initiation')]
    assert.equal(initiations.length, 2)
  })
}

test('random pairs with loss, reordering and duplication end in one working session', () => {
  for (let seed = 1; seed <= RANDOM_PAIRS; seed++) {
    const net = new TwoNodes({ seed })
    const loss = net.random.below(50) / 100
    const slowest = 1 + net.random.below(net.random.chance(0.2) ? 2500 : 300)
    net.wire = () => {
      if (net.random.chance(loss)) return []
      const copies = net.random.chance(0.1) ? 3 : 1
      return Array.from({ length: copies }, () => 1 + net.random.below(slowest))
    }
    for (let i = 0; i < 30; i++)
      net.send(net.random.chance(0.5) ? net.alice : net.bob, `${i}`, net.random.below(200 * SECOND))
    net.send(net.alice, 'together')
    net.send(net.bob, 'together', net.random.below(50))
    net.run(200 * SECOND)

    net.wire = () => [DELAY]
    net.run(120 * SECOND)
    assert.ok(exchanges(net, net.alice, net.bob), `seed ${seed}: alice reaches bob`)
    assert.ok(exchanges(net, net.bob, net.alice), `seed ${seed}: bob reaches alice`)
    assert.ok(net.isAgreed, `seed ${seed}: both send with the same session`)
  }
})

/** Whether a packet crosses within the time that a renewal may take. */
function exchanges(net: TwoNodes, from: SimulatedNode, to: SimulatedNode): boolean {
  const packet = `${from.name} at ${net.now}`
  net.send(from, packet)
  net.run(6 * SECOND)
  return to.delivered.includes(packet)
}

function isResponse(datagram: Datagram): boolean {
  return datagram.kind === 'handshake' && datagram.message[0] === 2
}
