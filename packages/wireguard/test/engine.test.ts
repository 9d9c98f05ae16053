import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type WallTime, wallTime } from '@weft/base'
import type { PrivateKey } from '@weft/keys'
import { WireGuardEngine } from '../src/index.ts'
import { at, enginePair, messageIn, reasonsIn } from './support/engine-pair.ts'
import { opensslCrypto } from './support/openssl-crypto.ts'
import { SeededRandom } from './support/seeded-random.ts'
import { PEER, type SimulatedNode, simulatedNow } from './support/simulated-node.ts'
import { TwoNodes, type Wire } from './support/two-nodes.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
/** Of the wire, one way. */
const DELAY = 20
const cut: Wire = () => []

describe('a session', () => {
  test('comes with the first packet, which arrives after a round trip and a half', () => {
    const net = new TwoNodes()
    net.send(net.alice, 'hello')
    net.run(3 * DELAY)
    assert.deepEqual(net.bob.delivered, ['hello'])
    assert.ok(net.isAgreed)
    assert.equal(net.alice.current?.role, 'initiator')
    assert.equal(net.bob.current?.role, 'responder')
  })

  test('is confirmed by a keepalive, so that the responder may send first', () => {
    const net = new TwoNodes()
    net.alice.engine.handle({ kind: 'session-wanted', peer: PEER }, simulatedNow(0))
    net.alice.settle(simulatedNow(0))
    net.run(4 * DELAY)
    assert.deepEqual(net.alice.timesOf('send-keepalive'), [2 * DELAY])
    net.send(net.bob, 'first')
    net.run(DELAY)
    assert.deepEqual(net.alice.delivered, ['first'])
    assert.deepEqual(net.bob.timesOf('send-initiation'), [])
  })

  test('tells the source of the response as proven, to the initiator only', () => {
    const net = connected()
    const provenBy = (node: SimulatedNode): unknown[] =>
      node.log.flatMap(({ output }) => (output.kind === 'install-session' ? [output.proven] : []))
    assert.deepEqual(provenBy(net.alice), ['alice'])
    assert.deepEqual(provenBy(net.bob), [undefined])
  })

  test('completes once at each end', () => {
    const net = connected()
    assert.equal(net.alice.timesOf('handshake-complete').length, 1)
    assert.equal(net.bob.timesOf('handshake-complete').length, 1)
  })

  test('is forgotten 540 s after the last handshake', () => {
    const net = connected()
    net.run(560 * SECOND)
    assert.deepEqual(net.alice.timesOf('forget-sessions'), [540 * SECOND + 2 * DELAY])
    assert.deepEqual(net.bob.timesOf('forget-sessions'), [540 * SECOND + DELAY])
    assert.equal(net.alice.engine.nextTimeout(), undefined)
    assert.equal(net.bob.engine.nextTimeout(), undefined)
  })
})

test('a session that its initiator never uses is forgotten too', () => {
  const { alice, bob } = enginePair()
  bob.receive(alice.initiate(at(0)), at(0))
  assert.equal(bob.engine.nextTimeout(), at(540 * SECOND).instant)
  assert.deepEqual(bob.wake(at(540 * SECOND)), [{ kind: 'forget-sessions', peer: PEER }])
  assert.equal(bob.engine.nextTimeout(), undefined)
})

test('a completed handshake leaves one deadline, and a removed peer none', () => {
  const { alice, bob } = enginePair()
  alice.receive(messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-response'), at(0))
  assert.equal(alice.engine.nextTimeout(), at(540 * SECOND).instant)
  alice.tell({ kind: 'remove-peer', peer: PEER }, at(0))
  assert.equal(alice.engine.nextTimeout(), undefined)
  assert.deepEqual(alice.wake(at(540 * SECOND)), [])
})

test('an engine that is told the timestamp it saved goes on after it, and saves the next before it is sent', () => {
  const { alice, bob } = enginePair()
  bob.receive(alice.initiate(at(0)), at(0))
  for (const [latestTimestamp, reasons] of [
    [wallTime(at(61 * SECOND).wall), []],
    [undefined, ['initiation-replayed']],
  ] as const) {
    const again = engineWith(alice.privateKey, latestTimestamp)
    again.handle({ kind: 'add-peer', peer: PEER, publicKey: bob.publicKey }, at(0))
    again.handle({ kind: 'session-wanted', peer: PEER }, at(-24 * HOUR))
    const [saved, sent] = [again.poll(), again.poll()]
    assert.equal(saved?.kind, 'save-timestamp')
    assert.ok(saved?.kind === 'save-timestamp' && saved.bound > (latestTimestamp ?? 0))
    assert.equal(sent?.kind, 'send-initiation')
    const message = sent?.kind === 'send-initiation' ? sent.message : new Uint8Array(0)
    assert.deepEqual(reasonsIn(bob.receive(message, at(SECOND))), reasons)
  }
})

describe('renewal', () => {
  test('is begun by the initiator with the first packet after 120 s, and by no one else', () => {
    const net = connected()
    everySecond(net, 150)
    net.run(150 * SECOND)
    const [, renewed, ...more] = net.alice.timesOf('send-initiation')
    assert.ok(renewed !== undefined && renewed >= 120 * SECOND && renewed <= 121.1 * SECOND)
    assert.deepEqual(more, [])
    assert.deepEqual(net.bob.timesOf('send-initiation'), [])
    assert.equal(net.bob.delivered.length, 151)
    assert.equal(net.alice.delivered.length, 150)
  })

  test('is not begun without traffic', () => {
    const net = connected()
    net.run(179 * SECOND)
    assert.equal(net.alice.timesOf('send-initiation').length, 1)
  })

  test('is begun by the initiator that receives after 165 s', () => {
    const net = connected()
    net.send(net.bob, 'late', 166 * SECOND)
    net.run(170 * SECOND)
    assert.equal(net.alice.timesOf('send-initiation').length, 2)
    assert.deepEqual(net.alice.delivered, ['late'])
    assert.deepEqual(net.bob.timesOf('send-initiation'), [])
  })

  test('is left to a new handshake by whoever sends first once 180 s are over', () => {
    const net = connected()
    net.send(net.bob, 'again', 181 * SECOND)
    net.run(182 * SECOND)
    assert.deepEqual(net.alice.delivered, ['again'])
    assert.equal(net.bob.current?.role, 'initiator')
    assert.equal(net.alice.timesOf('send-initiation').length, 1)
  })

  test('that is due for a session which is not current any more does nothing', () => {
    const net = connected()
    for (const localIndex of [0, 0x1001, 0x9999])
      net.alice.engine.handle({ kind: 'rekey-due', peer: PEER, localIndex }, simulatedNow(900_000))
    assert.equal(net.alice.engine.poll(), undefined)
  })

  test('keeps old and new session usable while it goes on: nothing is lost', () => {
    const net = connected()
    for (let i = 0; i < 2000; i++) {
      net.send(net.alice, `a${i}`, 119 * SECOND + i * 3)
      net.send(net.bob, `b${i}`, 119 * SECOND + i * 3)
    }
    net.run(130 * SECOND)
    assert.equal(net.bob.delivered.length, 2001)
    assert.equal(net.alice.delivered.length, 2000)
    assert.equal(net.alice.timesOf('send-initiation').length, 2)
  })
})

describe('without an answer', () => {
  test('initiations go out every 5 s and up to a third, for 90 s, and then what waits is dropped', () => {
    const net = new TwoNodes({ wire: cut })
    net.send(net.alice, 'lost')
    net.run(300 * SECOND)
    const times = net.alice.timesOf('send-initiation')
    for (const [i, time] of times.slice(1).entries()) {
      const gap = time - (times[i] ?? 0)
      assert.ok(gap >= 5 * SECOND && gap <= 5.333 * SECOND, `gap of ${gap} ms`)
    }
    assert.ok(times.length === 17 || times.length === 18, `${times.length} initiations`)
    assert.ok(new Set(times.slice(1).map((time, i) => time - (times[i] ?? 0))).size > 5, 'gaps differ')
    assert.deepEqual(net.alice.timesOf('given-up'), [90 * SECOND])
    assert.deepEqual(net.alice.timesOf('drop-staged'), [90 * SECOND])
    assert.equal(net.alice.engine.nextTimeout(), undefined)
  })

  test('the next packet after giving up begins anew', () => {
    const net = new TwoNodes({ wire: cut })
    net.send(net.alice, 'lost')
    net.run(100 * SECOND)
    net.wire = () => [DELAY]
    net.send(net.alice, 'found')
    net.run(SECOND)
    assert.deepEqual(net.bob.delivered, ['found'])
  })

  test('each initiation is a new one, and a response to an older one is refused', () => {
    const net = new TwoNodes({ wire: (from) => (from === net.bob ? [5400] : [DELAY]) })
    net.send(net.alice, 'slow')
    net.run(12 * SECOND)
    assert.ok(net.alice.dropReasons.includes('response-not-awaited'))
    net.wire = () => [DELAY]
    net.run(6 * SECOND)
    assert.deepEqual(net.bob.delivered, ['slow'])
    assert.ok(net.isAgreed)
  })

  test('more packets make no more initiations than one in 5 s', () => {
    const net = new TwoNodes({ wire: cut })
    for (let i = 0; i < 400; i++) {
      net.at(i * 100, (now) => {
        net.alice.engine.handle({ kind: 'session-wanted', peer: PEER }, now)
        net.alice.settle(now)
      })
    }
    net.run(40 * SECOND)
    assert.ok(net.alice.timesOf('send-initiation').length <= 8)
  })

  test('a session that is wanted again right after a handshake waits until 5 s are over', () => {
    const net = connected()
    net.at(SECOND, (now) => {
      net.alice.engine.handle({ kind: 'session-wanted', peer: PEER }, now)
      net.alice.settle(now)
    })
    net.run(8 * SECOND)
    assert.deepEqual(net.alice.timesOf('send-initiation'), [0, 5 * SECOND])
  })
})

describe('liveness', () => {
  test('a keepalive goes out 10 s after data that was not followed by anything sent', () => {
    const net = connected()
    net.run(30 * SECOND)
    const before = net.bob.timesOf('send-keepalive').length
    const receivedAt = net.now + DELAY
    net.send(net.alice, 'ping')
    net.run(60 * SECOND)
    assert.deepEqual(net.bob.timesOf('send-keepalive').slice(before), [receivedAt + 10 * SECOND])
    assert.equal(net.alice.timesOf('send-initiation').length, 1)
  })

  test('data that is sent itself makes the keepalive needless', () => {
    const net = connected()
    net.run(30 * SECOND)
    const before = net.bob.timesOf('send-keepalive').length
    net.send(net.alice, 'ping')
    net.send(net.bob, 'pong', 9 * SECOND)
    net.run(60 * SECOND)
    assert.equal(net.bob.timesOf('send-keepalive').length, before)
    assert.equal(net.alice.timesOf('send-initiation').length, 1)
  })

  test('keepalives are not answered by keepalives', () => {
    const net = connected()
    net.run(170 * SECOND)
    assert.equal(net.alice.timesOf('send-keepalive').length, 1)
    assert.equal(net.bob.timesOf('send-keepalive').length, 1)
  })

  test('data without an answer for 15 s asks for a new handshake', () => {
    const net = connected()
    net.run(30 * SECOND)
    net.wire = cut
    const sentAt = net.now
    net.send(net.alice, 'into the dark')
    net.send(net.alice, 'again', 10 * SECOND)
    net.run(20 * SECOND)
    const asked = net.alice.timesOf('send-initiation')[1] ?? 0
    assert.ok(asked >= sentAt + 15 * SECOND && asked <= sentAt + 15.333 * SECOND, `after ${asked - sentAt} ms`)
  })

  test('anything authentic that comes is an answer', () => {
    const net = connected()
    net.run(30 * SECOND)
    net.send(net.alice, 'question')
    net.send(net.bob, 'answer', 14.9 * SECOND - DELAY)
    net.run(29 * SECOND)
    assert.equal(net.alice.timesOf('send-initiation').length, 1)
  })

  test('a peer that was restarted is back within 15 s and a third', () => {
    const net = connected()
    net.run(30 * SECOND)
    net.bob.current = net.bob.previous = net.bob.next = undefined
    for (let i = 0; i < 40; i++) net.send(net.alice, `${i}`, i * SECOND)
    net.run(15.4 * SECOND)
    const before = net.bob.delivered.length
    net.run(30 * SECOND)
    assert.equal(net.bob.delivered.length - before, 24)
    assert.equal(net.alice.timesOf('send-initiation').length, 2)
  })

  test('once the peer is back, what was lost is no reason for further handshakes', () => {
    const net = connected()
    net.run(30 * SECOND)
    net.wire = cut
    net.send(net.alice, 'lost')
    net.run(30 * SECOND)
    net.wire = () => [DELAY]
    net.run(10 * SECOND)
    const handshakes = net.alice.timesOf('handshake-complete').length
    assert.equal(handshakes, 2)
    net.run(100 * SECOND)
    assert.equal(net.alice.timesOf('handshake-complete').length, handshakes)
  })

  test('after giving up, data that is sent with what is left of the session begins a new attempt 15 s later', () => {
    const net = connected()
    net.run(30 * SECOND)
    net.wire = cut
    net.send(net.alice, 'lost')
    net.run(106 * SECOND)
    assert.equal(net.alice.timesOf('given-up').length, 1)
    const initiations = net.alice.timesOf('send-initiation').length
    net.run(16 * SECOND)
    assert.equal(net.alice.timesOf('send-initiation').length, initiations, 'nothing was sent since')
    net.wire = () => [DELAY]
    net.send(net.alice, 'found by bob, whose session is still good')
    net.run(20 * SECOND)
    assert.equal(net.bob.delivered.length, 2)
  })

  test('a busy tunnel tells of its activity a few times a minute only', () => {
    const net = connected()
    for (let i = 0; i < 6000; i++) net.send(i % 2 === 0 ? net.alice : net.bob, `${i}`, i * 10)
    net.run(60 * SECOND)
    assert.ok(net.alice.timesOf('watch-activity').length <= 14, `${net.alice.timesOf('watch-activity').length} times`)
  })
})

describe('a long time', () => {
  test('24 hours of traffic lose nothing and take one handshake in 120 s', () => {
    const net = connected()
    const before = net.bob.delivered.length
    let sent = 0
    for (let minute = 0; minute < 24 * 60; minute++) {
      for (let second = 0; second < 60; second += 4) {
        net.send(net.alice, 'a', second * SECOND)
        net.send(net.bob, 'b', second * SECOND + 500)
        sent += 1
      }
      net.run(60 * SECOND)
    }
    net.run(SECOND)
    assert.equal(net.bob.delivered.length - before, sent)
    assert.equal(net.alice.delivered.length, sent)
    const handshakes = net.alice.timesOf('handshake-complete').length
    assert.ok(handshakes >= 690 && handshakes <= 721, `${handshakes} handshakes`)
    assert.deepEqual(net.bob.timesOf('send-initiation'), [])
    assert.deepEqual([...net.alice.dropReasons, ...net.bob.dropReasons], [])
  })

  test('after 24 hours of packets now and then over a wire that is cut now and then, both reach each other', () => {
    const net = new TwoNodes({ seed: 24 })
    while (net.now < 24 * HOUR) {
      net.wire = net.random.chance(0.3) ? cut : () => [DELAY]
      net.send(net.random.chance(0.5) ? net.alice : net.bob, 'now and then')
      net.run(net.random.below(15 * 60 * SECOND))
    }
    net.wire = () => [DELAY]
    net.run(100 * SECOND)
    net.send(net.alice, 'last of alice')
    net.send(net.bob, 'last of bob', 16 * SECOND)
    net.run(40 * SECOND)
    assert.equal(net.bob.delivered.at(-1), 'last of alice')
    assert.equal(net.alice.delivered.at(-1), 'last of bob')
    assert.ok(net.isAgreed)
  })
})

/** Alice has a session with bob, begun at 0 by the packet `first`. */
function connected(): TwoNodes {
  const net = new TwoNodes({ wire: () => [DELAY] })
  net.send(net.alice, 'first')
  net.run(3 * DELAY)
  net.bob.delivered.length = 1
  return net
}

function everySecond(net: TwoNodes, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    net.send(net.alice, 'a', second * SECOND)
    net.send(net.bob, 'b', second * SECOND + 500)
  }
}

function engineWith(privateKey: PrivateKey<'node'>, latestTimestamp: WallTime | undefined): WireGuardEngine<string> {
  let index = 1
  return new WireGuardEngine<string>({
    crypto: opensslCrypto,
    random: new SeededRandom(9),
    privateKeys: [privateKey],
    latestTimestamp,
    takeIndex: () => index++,
    meters: {
      meter: () => ({ lastSent: undefined, lastReceived: undefined, unansweredSince: undefined, owedSince: undefined }),
    },
  })
}
