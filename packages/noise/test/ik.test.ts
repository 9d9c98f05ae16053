import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, type Random, toHex, utf8 } from '@weft/base'
import { PrivateKey, publicKeyFromBytes } from '@weft/keys'
import { portableCrypto as crypto } from '@weft/keys/portable'
import { IkInitiator, IkResponder, type SecondMessage } from '@weft/noise'

// https://github.com/haskell-cryptography/cacophony, vectors/cacophony.txt: Noise_IK_25519_ChaChaPoly_BLAKE2s
const vector = {
  prologue: '4a6f686e2047616c74',
  initiator: 'e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1',
  initiatorEphemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
  responder: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
  responderKey: '31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62',
  responderEphemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
  first: {
    payload: '4c756477696720766f6e204d69736573',
    message:
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79440b03ddc7aac5123d06a1b23b71670e32e76c28239a7ca4ac8f784de7e44c1adbfc6e83fef7352a58d9d56157400c0a737b1d171ce368229c7b752ac25b8faf4eca690f6d896f543be02c996ab2b86b76',
  },
  second: {
    payload: '4d757272617920526f746862617264',
    message:
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d9b5a8927f0ac9655ef76833bc7e5561f42e691ac8404efd6fbd6308b6a27c',
  },
  transport: [
    { payload: '462e20412e20486179656b', message: '2c256ed08fcd08c2980f954ee4beaccb61c9581340f5dd2fd1cf3b' },
    { payload: '4361726c204d656e676572', message: 'd6033f70eee20945c7c9dba304e397ee3b284ff5e00fd9efb095d3' },
    {
      payload: '4a65616e2d426170746973746520536179',
      message: 'a9c068ca5d8babf72560652d8e851adbfac35c8a66e810d560863173e96adf4cfe',
    },
    {
      payload: '457567656e2042f6686d20766f6e2042617765726b',
      message: '2a09d8f459e5927e40fdd2eddc99bdafb04e13a26f145cb5cfe9e6ba34c94331ebc17d5156',
    },
  ],
}

test('both roles write and read the messages of the published vector', () => {
  const { initiator, responder } = pair()
  assert.equal(toHex(initiator.writeFirst(hex(vector.first.payload))), vector.first.message)
  const read = responder.readFirst(hex(vector.first.message))
  assert.equal(read && toHex(read.payload), vector.first.payload)
  assert.equal(read?.remotePublicKey, new PrivateKey('channel', hex(vector.initiator)).publicKey(crypto))
  const { message, transport: theirs } = responder.writeSecond(hex(vector.second.payload))
  assert.equal(toHex(message), vector.second.message)
  const second = initiator.readSecond(message)
  assert.ok(second)
  assert.equal(toHex(second.payload), vector.second.payload)
  const ours = second.transport
  vector.transport.forEach(({ payload, message }, i) => {
    const [from, to] = i % 2 === 0 ? [ours, theirs] : [theirs, ours]
    assert.equal(toHex(from.seal(hex(payload))), message)
    assert.equal(toHex(to.open(hex(message)) ?? new Uint8Array()), payload)
  })
})

test('a first message with any byte changed, cut or lengthened is refused, and the true one is still read', () => {
  const { initiator, responder } = pair()
  const first = initiator.writeFirst(utf8('hello'))
  for (const wrong of mutations(first)) assert.equal(responder.readFirst(wrong), undefined)
  assert.ok(responder.readFirst(first))
})

test('a second message with any byte changed, cut or lengthened is refused, and the true one is still read', () => {
  const { initiator, responder } = pair()
  responder.readFirst(initiator.writeFirst(utf8('hello')))
  const { message } = responder.writeSecond(utf8('welcome'))
  for (const wrong of mutations(message)) assert.equal(initiator.readSecond(wrong), undefined)
  assert.ok(initiator.readSecond(message))
})

test('a refused first message does not take the place of the one that was read', () => {
  const { initiator, responder } = pair()
  const first = initiator.writeFirst(utf8('hello'))
  responder.readFirst(first)
  assert.equal(responder.readFirst(first.with(40, 0)), undefined)
  assert.ok(initiator.readSecond(responder.writeSecond(utf8('welcome')).message))
})

test('ephemeral and static keys of small order are refused', () => {
  const { initiator, responder } = pair()
  const first = initiator.writeFirst(utf8('hello'))
  const zero = first.slice()
  zero.fill(0, 0, 32)
  assert.equal(responder.readFirst(zero), undefined)
  responder.readFirst(first)
  const second = responder.writeSecond(utf8('welcome')).message
  second.fill(0, 0, 32)
  assert.equal(initiator.readSecond(second), undefined)
  const { initiator: toNobody } = pair({ responderKey: '00'.repeat(32) })
  assert.throws(() => toNobody.writeFirst(utf8('hello')), RangeError)
})

test('another prologue and another responder are refused', () => {
  const { initiator } = pair()
  const first = initiator.writeFirst(utf8('hello'))
  assert.equal(pair({ prologue: '00' }).responder.readFirst(first), undefined)
  assert.equal(pair({ responder: vector.initiator }).responder.readFirst(first), undefined)
})

test('an answer to an earlier first message is refused', () => {
  const { initiator, responder } = pair({}, countingFrom(1))
  responder.readFirst(initiator.writeFirst(utf8('hello')))
  const late = responder.writeSecond(utf8('welcome')).message
  initiator.writeFirst(utf8('hello again'))
  assert.equal(initiator.readSecond(late), undefined)
})

test('each step is taken once, and in order', () => {
  const { initiator, responder } = pair()
  assert.throws(() => initiator.readSecond(new Uint8Array(48)))
  assert.throws(() => responder.writeSecond(utf8('')))
  responder.readFirst(initiator.writeFirst(utf8('hello')))
  const { message } = responder.writeSecond(utf8('welcome'))
  assert.throws(() => responder.writeSecond(utf8('welcome')))
  initiator.readSecond(message)
  assert.throws(() => initiator.readSecond(message))
})

test('a transport message that is lost, repeated, reordered or changed does not open, and the next one does', () => {
  const { ours, theirs } = established()
  const [a, b] = [ours.transport.seal(utf8('a')), ours.transport.seal(utf8('b'))]
  assert.equal(theirs.open(b), undefined)
  assert.equal(theirs.open(a.with(0, (a[0] ?? 0) ^ 1)), undefined)
  assert.equal(theirs.open(a.subarray(1)), undefined)
  assert.equal(theirs.open(new Uint8Array(0)), undefined)
  assert.deepEqual(theirs.open(a), utf8('a'))
  assert.equal(theirs.open(a), undefined)
  assert.deepEqual(theirs.open(b), utf8('b'))
})

test('a message does not open on the side that sealed it', () => {
  const { ours, theirs } = established()
  assert.equal(ours.transport.open(ours.transport.seal(utf8('a'))), undefined)
  assert.equal(theirs.open(theirs.seal(utf8('a'))), undefined)
})

function hex(text: string): Uint8Array {
  const bytes = fromHex(text)
  assert.ok(bytes)
  return bytes
}

type Keys = Partial<Record<'prologue' | 'initiator' | 'responder' | 'responderKey', string>>

function pair(keys: Keys = {}, random?: Random): { initiator: IkInitiator; responder: IkResponder } {
  const { prologue, initiator, responder, responderKey } = { ...vector, ...keys }
  return {
    initiator: new IkInitiator({
      crypto,
      random: random ?? fixed(vector.initiatorEphemeral),
      prologue: hex(prologue),
      localPrivateKey: new PrivateKey('channel', hex(initiator)),
      remotePublicKey: publicKeyFromBytes('channel', hex(responderKey)),
    }),
    responder: new IkResponder({
      crypto,
      random: fixed(vector.responderEphemeral),
      prologue: hex(prologue),
      localPrivateKey: new PrivateKey('channel', hex(responder)),
    }),
  }
}

function established(): { ours: SecondMessage; theirs: SecondMessage['transport'] } {
  const { initiator, responder } = pair()
  responder.readFirst(initiator.writeFirst(utf8('hello')))
  const { message, transport } = responder.writeSecond(utf8('welcome'))
  const ours = initiator.readSecond(message)
  assert.ok(ours)
  return { ours, theirs: transport }
}

function fixed(bytes: string): Random {
  return { fill: (into) => into.set(hex(bytes)) }
}

function countingFrom(first: number): Random {
  let next = first
  return { fill: (into) => into.fill(next++) }
}

function* mutations(message: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < message.length; at++) yield message.with(at, (message[at] ?? 0) ^ 1)
  for (const length of [0, 31, 32, 47, 79, 80, 95, message.length - 1]) {
    if (length < message.length) yield message.subarray(0, length)
  }
  yield Uint8Array.of(...message, 0)
}
