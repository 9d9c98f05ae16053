import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, utf8 } from '@weft/base'
import { publicKeyBytes } from '@weft/keys'
import { at, ELSEWHERE, enginePair, HERE, LoneEngine, messageIn, PEER, reasonsIn } from './support/engine-pair.ts'
import { blake2s, opensslCrypto as crypto } from './support/openssl-crypto.ts'
import { TwoNodes } from './support/two-nodes.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const NO_MAC2 = '00'.repeat(16)
const mac2Of = (message: Uint8Array): string => message.slice(-16).toHex()

test('a cookie reply is what the paper says, and the next initiation carries the mac2 that it asks for', () => {
  const { alice, bob } = loadedBob()
  const first = alice.initiate(at(0))
  assert.equal(mac2Of(first), NO_MAC2)
  const outputs = bob.receive(first, at(0))
  assert.deepEqual(reasonsIn(outputs), ['cookie-sent'])
  assert.equal(outputs.length, 2, 'and nothing else')
  const reply = messageIn(outputs, 'send-cookie-reply')
  assert.equal(reply.length, 64)
  assert.equal(reply.slice(0, 4).toHex(), '03000000')
  assert.deepEqual(reply.slice(4, 8), first.slice(4, 8))
  const key = blake2s(concatBytes(utf8('cookie--'), publicKeyBytes(bob.publicKey)))
  const cookie = crypto.xopen(key, reply.slice(8, 32), reply.slice(32), first.slice(116, 132))
  assert.equal(cookie?.length, 16)

  assert.deepEqual(alice.receive(reply, at(20)), [], 'nothing is sent for it')
  const second = messageIn(alice.wake(at(5400)), 'send-initiation')
  assert.equal(mac2Of(second), crypto.blake2sMac(cookie, second.slice(0, 132)).toHex())
  assert.equal(bob.receive(second, at(5400))[0]?.kind, 'install-session')
})

test('mac2 holds from the address and port that the cookie went to, and from nowhere else', () => {
  const { alice, bob } = loadedBob()
  const message = withCookie(alice, bob)
  assert.deepEqual(reasonsIn(bob.receive(message, at(5400), ELSEWHERE)), ['cookie-sent'])
  assert.deepEqual(reasonsIn(bob.receive(message, at(5400), HERE)), [])
})

test('mac2 with any bit changed, or over another message, is asked for again', () => {
  const { alice, bob } = loadedBob()
  const message = withCookie(alice, bob)
  for (let byte = 132; byte < 148; byte++)
    assert.deepEqual(reasonsIn(bob.receive(flipped(message, byte), at(5400))), ['cookie-sent'], `byte ${byte}`)
  assert.deepEqual(reasonsIn(bob.receive(message, at(5400))), [])
})

test('an end that is not under load does not look at mac2', () => {
  const { alice, bob } = loadedBob()
  const message = withCookie(alice, bob)
  bob.tell({ kind: 'load', isUnderLoad: false }, at(5400))
  assert.deepEqual(reasonsIn(bob.receive(flipped(message, 140), at(5400))), [])
})

test('a wrong mac1 gets no cookie', () => {
  const { alice, bob } = loadedBob()
  const outputs = bob.receive(flipped(alice.initiate(at(0)), 120), at(0))
  assert.deepEqual(outputs, [{ kind: 'dropped', reason: 'mac1-wrong' }])
})

test('a cookie reply with any byte changed is refused, the true one taken once', () => {
  const { alice, bob } = loadedBob()
  const reply = messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-cookie-reply')
  for (let byte = 4; byte < 64; byte++) {
    const reason = byte < 8 ? 'cookie-reply-not-expected' : 'cookie-reply-not-authentic'
    assert.deepEqual(reasonsIn(alice.receive(flipped(reply, byte), at(1))), [reason], `byte ${byte}`)
  }
  assert.deepEqual(alice.receive(reply, at(1)), [])
  assert.deepEqual(reasonsIn(alice.receive(reply, at(1))), ['cookie-reply-not-expected'])
})

test('a cookie reply to an older message of ours is not expected', () => {
  const { alice, bob } = loadedBob()
  const reply = messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-cookie-reply')
  alice.wake(at(5400))
  assert.deepEqual(reasonsIn(alice.receive(reply, at(5400))), ['cookie-reply-not-expected'])
})

test('a removed peer is sent nothing more, and its cookie replies are not expected', () => {
  const { alice, bob } = loadedBob()
  const reply = messageIn(bob.receive(alice.initiate(at(0)), at(0)), 'send-cookie-reply')
  alice.tell({ kind: 'remove-peer', peer: PEER }, at(0))
  assert.deepEqual(reasonsIn(alice.receive(reply, at(1))), ['cookie-reply-not-expected'])
})

test('the secret changes every two minutes, and cookies of the old one hold no more', () => {
  for (const [age, isHeld] of [
    [119_999, true],
    [120_000, false],
  ] as const) {
    const { alice, bob } = loadedBob()
    const message = withCookie(alice, bob)
    assert.deepEqual(reasonsIn(bob.receive(message, at(age))), isHeld ? [] : ['cookie-sent'], `${age} ms`)
  }
})

test('a cookie is used for 120 s', () => {
  for (const [age, isUsed] of [
    [119_999, true],
    [120_000, false],
  ] as const) {
    const { alice, bob } = loadedBob()
    withCookie(alice, bob)
    alice.wake(at(91_000))
    assert.notEqual(mac2Of(alice.initiate(at(114_000))), NO_MAC2)
    const message = messageIn(alice.wake(at(age)), 'send-initiation')
    assert.equal(mac2Of(message) !== NO_MAC2, isUsed, `${age} ms`)
  }
})

test('128 handshakes at once are at ease, what comes more is asked for a cookie, until a second after', () => {
  const bob = new LoneEngine(2, 0xf000_0000)
  const strangers = Array.from({ length: 140 }, (_, i) => strangerTo(bob, i).initiate(at(0)))
  const reasons = strangers.map((message) => reasonsIn(bob.receive(message, at(0)))[0])
  assert.deepEqual(new Set(reasons.slice(0, 128)), new Set(['initiator-unknown']))
  assert.deepEqual(new Set(reasons.slice(128)), new Set(['cookie-sent']))
  const again = (ms: number) => reasonsIn(bob.receive(strangers[0] ?? new Uint8Array(0), at(ms)))[0]
  assert.equal(again(999), 'cookie-sent')
  assert.equal(again(1000), 'initiator-unknown')
})

test('under load a source gets 5 handshakes at once and then 20 a second', () => {
  const bob = new LoneEngine(2, 0xf000_0000)
  bob.tell({ kind: 'load', isUnderLoad: true }, at(0))
  const proven = Array.from({ length: 8 }, (_, i) => withCookie(strangerTo(bob, i), bob))
  const reasons = proven.map((message) => reasonsIn(bob.receive(message, at(6000)))[0])
  assert.deepEqual(reasons, [...Array(5).fill('initiator-unknown'), ...Array(3).fill('source-limited')])
  assert.deepEqual(reasonsIn(bob.receive(proven[7] ?? new Uint8Array(0), at(6050))), ['initiator-unknown'])
})

for (const loaded of [['alice'], ['bob'], ['alice', 'bob']] as const) {
  test(`with ${loaded.join(' and ')} under load a session is there after few attempts, either way`, () => {
    for (const initiator of ['alice', 'bob'] as const) {
      const net = loadedPair(loaded)
      net.send(net[initiator], 'hello')
      net.run(16 * SECOND)
      const other = initiator === 'alice' ? net.bob : net.alice
      assert.deepEqual(other.delivered, ['hello'])
      assert.ok(net.isAgreed)
    }
  })
}

test('6 hours with both ends under load lose nothing', () => {
  const net = loadedPair(['alice', 'bob'])
  let sent = 0
  for (let at = 0; at < 6 * HOUR; at += 10 * SECOND) {
    net.send(net.alice, 'a', at)
    net.send(net.bob, 'b', at + 5 * SECOND)
    sent += 1
  }
  net.run(6 * HOUR + 60 * SECOND)
  assert.equal(net.bob.delivered.length, sent)
  assert.equal(net.alice.delivered.length, sent)
  assert.ok(net.alice.timesOf('handshake-complete').length > 150)
})

function loadedBob() {
  const pair = enginePair()
  pair.bob.tell({ kind: 'load', isUnderLoad: true }, at(0))
  return pair
}

function loadedPair(loaded: readonly ('alice' | 'bob')[]): TwoNodes {
  const net = new TwoNodes()
  for (const name of loaded) net[name].engine.handle({ kind: 'load', isUnderLoad: true }, at(0))
  return net
}

/** Somebody whom that node does not know. */
function strangerTo(node: LoneEngine, seed: number): LoneEngine {
  const stranger = new LoneEngine(100 + seed, seed)
  stranger.tell({ kind: 'add-peer', peer: PEER, publicKey: node.publicKey }, at(0))
  return stranger
}

/** The second initiation, after a cookie came for the first at 0. */
function withCookie(from: LoneEngine, to: LoneEngine): Uint8Array {
  const reply = messageIn(to.receive(from.initiate(at(0)), at(0)), 'send-cookie-reply')
  assert.deepEqual(from.receive(reply, at(0)), [])
  return messageIn(from.wake(at(5400)), 'send-initiation')
}

function flipped(message: Uint8Array, byte: number): Uint8Array {
  const copy = message.slice()
  copy[byte] = (copy[byte] ?? 0) ^ 0x01
  return copy
}

test('the secret of cookies is told before one is given, each time that it is another', () => {
  const { alice, bob } = enginePair()
  const initiation = bob.initiate(at(0))
  alice.tell({ kind: 'load', isUnderLoad: true }, at(0))
  const secrets = [0, 60_000, 121_000].flatMap((moment) => {
    alice.engine.handle({ kind: 'handshake', message: initiation, source: 'there', origin: HERE }, at(moment))
    const [told, reply] = [alice.engine.poll(), alice.engine.poll()]
    while (alice.engine.poll() !== undefined);
    if (told?.kind !== 'cookie-secret') return []
    assert.deepEqual([told.key, reply?.kind], [alice.publicKey, 'send-cookie-reply'])
    return [told.secret]
  })
  assert.equal(secrets.length, 2, 'one for two minutes')
  assert.notDeepEqual(secrets[0], secrets[1])
})
