import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant, invariant, type Now, randomBytes, wallTime } from '@weft/base'
import { PrivateKey, publicKeyFromBytes } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import {
  type EngineOutput,
  holdsMac1,
  mac1KeyOf,
  type PeerIndex,
  type TransportSession,
  WireGuardEngine,
} from '../src/index.ts'
import {
  type ReferenceKeys,
  referenceInitiation,
  referenceKeys,
  referenceReadInitiation,
  referenceReadResponse,
  referenceResponse,
  withMacs,
} from './support/reference-handshake.ts'
import { SeededRandom } from './support/seeded-random.ts'

const BOB = 3 as PeerIndex
const OUR_INDEX = 0x89abcdef
const THEIR_INDEX = 0xfedcba98
const TIMESTAMP = Uint8Array.fromHex('400000006553f10a00000000')
const NO_PRESHARED_KEY = new Uint8Array(32)
// RFC 7748 §6.1: zero, and a point of order 8.
const SMALL_ORDER_KEYS = ['00'.repeat(32), 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800']

test('an initiation is what the paper says: the reference reads it and finds us and the time', () => {
  const { alice, bob, initiate, publicKey } = setUp()
  const message = initiate()
  const read = referenceReadInitiation(bob, message)
  assert.deepEqual(read.initiatorPublic, publicKey)
  assert.equal(
    read.timestamp?.subarray(0, 8).toHex(),
    (2n ** 62n + 10n + 1_700_000_000n).toString(16).padStart(16, '0'),
  )
  assert.deepEqual(message.slice(4, 8), Uint8Array.of(0xef, 0xcd, 0xab, 0x89))
  assert.deepEqual(message, withMacs(message.slice(0, 116), bob.publicKey))
  assert.equal(alice.poll(), undefined)
})

for (const [name, presharedKey] of [
  ['without a preshared key', undefined],
  ['with a preshared key', new Uint8Array(32).fill(0x5a)],
] as const) {
  test(`as initiator we derive the keys of the reference, ${name}`, () => {
    const { initiate, receive, respond } = setUp(presharedKey)
    const { message, derived } = respond(initiate())
    const session = installed(receive(message))
    assert.equal(session.role, 'initiator')
    assert.equal(session.localIndex, OUR_INDEX)
    assert.equal(session.remoteIndex, THEIR_INDEX)
    assert.deepEqual(session.sendKey, derived.initiatorSends)
    assert.deepEqual(session.receiveKey, derived.responderSends)
  })

  test(`as responder we answer so that the reference derives our keys, ${name}`, () => {
    const { bob, receive, initiation } = setUp(presharedKey)
    const ephemeral = referenceKeys(new Uint8Array(32).fill(0x21))
    const { message, c, h } = initiation(TIMESTAMP, ephemeral)
    const outputs = receive(message)
    const session = installed(outputs)
    const response = outputs.find((output) => output.kind === 'send-response')
    assert.equal(response?.to, 'there')
    assert.equal(session.role, 'responder')
    assert.equal(session.remoteIndex, THEIR_INDEX)
    const answer = response?.message ?? new Uint8Array(92)
    assert.deepEqual(answer.slice(8, 12), message.slice(4, 8))
    assert.deepEqual(answer, withMacs(answer.slice(0, 60), bob.publicKey))
    const derived = referenceReadResponse({
      c,
      h,
      initiator: bob,
      ephemeral,
      message: answer,
      presharedKey: presharedKey ?? NO_PRESHARED_KEY,
    })
    assert.deepEqual(session.sendKey, derived?.responderSends)
    assert.deepEqual(session.receiveKey, derived?.initiatorSends)
  })
}

test('another preshared key makes no session', () => {
  const { initiate, receive, respond } = setUp(new Uint8Array(32).fill(1))
  const { message } = respond(initiate(), { presharedKey: new Uint8Array(32).fill(2) })
  assert.deepEqual(receive(message), [{ kind: 'dropped', reason: 'response-not-authentic' }])
})

test('an initiation with any byte changed is refused, and the true one still answered', () => {
  const { receive, initiation } = setUp()
  const { message } = initiation(TIMESTAMP)
  for (let at = 0; at < 132; at++) {
    const reason = at < 4 ? 'not-a-handshake' : 'mac1-wrong'
    assert.deepEqual(receive(changed(message, at)), [{ kind: 'dropped', reason }], `byte ${at}`)
  }
  assert.ok(installed(receive(message)))
})

test('an initiation with any authenticated byte changed is refused also when its mac1 is made anew', () => {
  const { receive, initiation, publicKey } = setUp()
  const { message } = initiation(TIMESTAMP)
  for (let at = 8; at < 116; at++) {
    const forged = withMacs(changed(message, at).slice(0, 116), publicKey)
    assert.deepEqual(receive(forged), [{ kind: 'dropped', reason: 'initiation-not-authentic' }], `byte ${at}`)
  }
  assert.ok(installed(receive(message)))
})

test('a response with any byte changed is refused, and the true one still completes the handshake', () => {
  const { initiate, receive, respond, publicKey } = setUp()
  const { message, derived } = respond(initiate())
  for (let at = 0; at < 76; at++) {
    const reason = at < 4 ? 'not-a-handshake' : 'mac1-wrong'
    assert.deepEqual(receive(changed(message, at)), [{ kind: 'dropped', reason }], `byte ${at}`)
  }
  for (let at = 8; at < 60; at++) {
    const forged = withMacs(changed(message, at).slice(0, 60), publicKey)
    const reason = at < 12 ? 'response-not-awaited' : 'response-not-authentic'
    assert.deepEqual(receive(forged), [{ kind: 'dropped', reason }], `byte ${at}`)
  }
  assert.deepEqual(installed(receive(message)).sendKey, derived.initiatorSends)
})

test('a response is taken once', () => {
  const { initiate, receive, respond } = setUp()
  const { message } = respond(initiate())
  assert.ok(installed(receive(message)))
  assert.deepEqual(receive(message), [{ kind: 'dropped', reason: 'response-not-awaited' }])
})

test('a replayed or older initiation is refused, a later one answered', () => {
  const { receive, initiation } = setUp()
  const at = (nanoseconds: number): Uint8Array => {
    const timestamp = TIMESTAMP.slice()
    timestamp[11] = nanoseconds
    return initiation(timestamp).message
  }
  const first = at(5)
  assert.ok(installed(receive(first, 0)))
  assert.deepEqual(receive(first, 1000), [{ kind: 'dropped', reason: 'initiation-replayed' }])
  assert.deepEqual(receive(at(5), 2000), [{ kind: 'dropped', reason: 'initiation-replayed' }])
  assert.deepEqual(receive(at(4), 3000), [{ kind: 'dropped', reason: 'initiation-replayed' }])
  assert.ok(installed(receive(at(6), 4000)))
})

test('initiations of one peer less than 20 ms apart are refused, and may be repeated later', () => {
  const { receive, initiation } = setUp()
  const later = TIMESTAMP.slice()
  later[11] = 1
  assert.ok(installed(receive(initiation(TIMESTAMP).message, 0)))
  assert.deepEqual(receive(initiation(later).message, 19), [{ kind: 'dropped', reason: 'initiations-too-frequent' }])
  assert.ok(installed(receive(initiation(later).message, 20)))
})

test('an initiator that is no peer is refused, and one that was removed', () => {
  const { alice, receive, initiation, publicKey } = setUp()
  const eve = referenceKeys(new Uint8Array(32).fill(0x66))
  const { message } = referenceInitiation({
    initiator: eve,
    responderPublic: publicKey,
    ephemeral: referenceKeys(new Uint8Array(32).fill(0x67)),
    index: 1,
    timestamp: TIMESTAMP,
  })
  assert.deepEqual(receive(message), [{ kind: 'dropped', reason: 'initiator-unknown' }])
  alice.handle({ kind: 'remove-peer', peer: BOB }, at(0))
  assert.deepEqual(receive(initiation(TIMESTAMP).message), [{ kind: 'dropped', reason: 'initiator-unknown' }])
})

test('one who knows the public keys only cannot speak for a peer', () => {
  const { bob, receive, publicKey } = setUp()
  const eve = { privateKey: new Uint8Array(32).fill(0x66), publicKey: bob.publicKey }
  const { message } = referenceInitiation({
    initiator: eve,
    responderPublic: publicKey,
    ephemeral: referenceKeys(new Uint8Array(32).fill(0x67)),
    index: 1,
    timestamp: TIMESTAMP,
  })
  assert.deepEqual(receive(message), [{ kind: 'dropped', reason: 'initiation-not-authentic' }])
})

test('a removed peer gets no session from a response under way', () => {
  const { alice, initiate, receive, respond } = setUp()
  const { message } = respond(initiate())
  alice.handle({ kind: 'remove-peer', peer: BOB }, at(0))
  assert.deepEqual(receive(message), [{ kind: 'dropped', reason: 'response-not-awaited' }])
})

test('ephemeral keys of small order are refused in both roles', () => {
  const { initiate, receive, respond, initiation, publicKey } = setUp()
  const ours = initiate()
  for (const key of SMALL_ORDER_KEYS.map((hex) => Uint8Array.fromHex(hex))) {
    const bad = initiation(TIMESTAMP).message
    bad.set(key, 8)
    assert.deepEqual(receive(withMacs(bad.slice(0, 116), publicKey)), [
      { kind: 'dropped', reason: 'shared-secret-zero' },
    ])
    const answer = respond(ours).message.slice()
    answer.set(key, 12)
    assert.deepEqual(receive(withMacs(answer.slice(0, 60), publicKey)), [
      { kind: 'dropped', reason: 'shared-secret-zero' },
    ])
  }
  assert.ok(installed(receive(respond(ours).message)))
})

test('a peer whose key has small order gets no handshake, and the attempt ends', () => {
  const { alice, outputs } = setUp()
  const peer = 9 as PeerIndex
  const key = Uint8Array.fromHex(SMALL_ORDER_KEYS[1] ?? '')
  alice.handle({ kind: 'add-peer', peer, publicKey: publicKeyFromBytes('node', key) }, at(0))
  alice.handle({ kind: 'session-wanted', peer }, at(0))
  assert.deepEqual(outputs(), [
    { kind: 'dropped', reason: 'shared-secret-zero' },
    { kind: 'drop-staged', peer },
    { kind: 'given-up', peer },
  ])
  alice.handle({ kind: 'session-wanted', peer }, at(1))
  assert.deepEqual(outputs(), [], 'the next attempt waits for its time')
})

test('a cookie reply, transport data and what is no message at all are dropped with their reason', () => {
  const { receive } = setUp()
  const cookieReply = new Uint8Array(64)
  cookieReply[0] = 3
  assert.deepEqual(receive(cookieReply), [{ kind: 'dropped', reason: 'cookie-reply-not-expected' }])
  const transport = new Uint8Array(32)
  transport[0] = 4
  for (const junk of [transport, new Uint8Array(0), new Uint8Array(148), new Uint8Array(2000).fill(1)])
    assert.deepEqual(receive(junk), [{ kind: 'dropped', reason: 'not-a-handshake' }])
})

test('random bytes with the form and the mac1 of a handshake change nothing', () => {
  const { initiate, receive, respond, publicKey } = setUp()
  const { message } = respond(initiate())
  const random = new SeededRandom(7)
  for (let i = 0; i < 50; i++) {
    const junk = randomBytes(random, i % 2 === 0 ? 116 : 60)
    junk.set([i % 2 === 0 ? 1 : 2, 0, 0, 0])
    if (i % 4 === 1) junk.set(message.slice(8, 12), 8)
    const [output, ...more] = receive(withMacs(junk, publicKey))
    assert.equal(output?.kind, 'dropped')
    assert.deepEqual(more, [])
  }
  assert.ok(installed(receive(message)))
})

test('mac1 holds for its receiver only, and for whole messages only', () => {
  const { bob, initiate, publicKey } = setUp()
  const message = initiate()
  const keyOf = (key: Uint8Array): Uint8Array => mac1KeyOf(publicKeyFromBytes('node', key), portableCrypto)
  assert.ok(holdsMac1(message, keyOf(bob.publicKey), portableCrypto))
  assert.ok(!holdsMac1(message, keyOf(publicKey), portableCrypto))
  assert.ok(!holdsMac1(message.slice(0, 147), keyOf(bob.publicKey), portableCrypto))
  assert.ok(!holdsMac1(new Uint8Array(0), keyOf(bob.publicKey), portableCrypto))
})

/** Our engine is alice; bob is the reference, and her peer number `BOB`. */
function setUp(presharedKey?: Uint8Array) {
  const bob = referenceKeys(new Uint8Array(32).fill(0x42))
  const privateKey = new PrivateKey('node', new Uint8Array(32).fill(0x11))
  const publicKey = Uint8Array.fromBase64(privateKey.publicKey(portableCrypto))
  let index = OUR_INDEX
  const alice = new WireGuardEngine<string>({
    crypto: portableCrypto,
    random: new SeededRandom(1),
    privateKeys: [privateKey],
    takeIndex: () => index++,
    meters: {
      meter: () => ({ lastSent: undefined, lastReceived: undefined, unansweredSince: undefined, owedSince: undefined }),
    },
  })
  const added = { kind: 'add-peer', peer: BOB, publicKey: publicKeyFromBytes('node', bob.publicKey) } as const
  alice.handle(presharedKey === undefined ? added : { ...added, presharedKey }, at(0))

  const outputs = (): EngineOutput<string>[] => [...drain(alice)].filter(({ kind }) => kind !== 'save-timestamp')
  const receive = (message: Uint8Array, milliseconds = 0): EngineOutput<string>[] => {
    alice.handle(
      { kind: 'handshake', message, source: 'there', origin: Uint8Array.of(192, 0, 2, 1, 0, 9) },
      at(milliseconds),
    )
    return outputs()
  }
  const initiate = (): Uint8Array => {
    alice.handle({ kind: 'session-wanted', peer: BOB }, at(0))
    const [output] = outputs()
    invariant(output?.kind === 'send-initiation', 'alice initiates')
    return output.message
  }
  const respond = (initiation: Uint8Array, other: { readonly presharedKey?: Uint8Array } = {}) => {
    const { c, h } = referenceReadInitiation(bob, initiation)
    return referenceResponse({
      c,
      h,
      initiation,
      initiatorPublic: publicKey,
      ephemeral: referenceKeys(new Uint8Array(32).fill(0x77)),
      index: THEIR_INDEX,
      presharedKey: other.presharedKey ?? presharedKey ?? NO_PRESHARED_KEY,
    })
  }
  const initiation = (timestamp: Uint8Array, ephemeral: ReferenceKeys = referenceKeys(new Uint8Array(32).fill(0x21))) =>
    referenceInitiation({ initiator: bob, responderPublic: publicKey, ephemeral, index: THEIR_INDEX, timestamp })
  return { alice, bob, publicKey, outputs, receive, initiate, respond, initiation }
}

function* drain(engine: WireGuardEngine<string>): Generator<EngineOutput<string>> {
  for (let output = engine.poll(); output !== undefined; output = engine.poll()) yield output
}

function installed(outputs: readonly EngineOutput<string>[]): TransportSession {
  const output = outputs.find((each) => each.kind === 'install-session')
  invariant(output !== undefined, `a session is installed, not ${outputs.map((each) => each.kind)}`)
  return output.session
}

function changed(message: Uint8Array, byte: number): Uint8Array {
  const copy = message.slice()
  copy[byte] = (copy[byte] ?? 0) ^ 0x01
  return copy
}

function at(milliseconds: number): Now {
  const start: Instant = instant(5_000_000)
  return { instant: instant(start + milliseconds), wall: wallTime(1_700_000_000_000 + milliseconds) }
}
