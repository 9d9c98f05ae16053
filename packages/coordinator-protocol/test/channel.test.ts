import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes } from '@weft/base'
import { createChannelCertificate } from '@weft/identity'
import { publicKeyBytes } from '@weft/keys'
import fc from 'fast-check'
import {
  type ChannelInitiator,
  ChannelResponder,
  MAX_FRAME_LENGTH,
  MAX_MESSAGE_TO_COORDINATOR,
  MAX_MESSAGE_TO_NODE,
} from '../src/index.ts'
import {
  attempt,
  carry,
  drain,
  flip,
  framesOf,
  initiator,
  kinds,
  openPair,
  rawInitiator,
  rawNoise,
  rawResponder,
  responder,
} from './channel-ends.ts'
import {
  aliceChannelKey,
  channelCertificate,
  coordinatorKey,
  countingRandom,
  crypto,
  DAY,
  keyOf,
  netmap,
  peer,
  START,
} from './fixture.ts'

const FULL_PART = MAX_FRAME_LENGTH - 17

test('node and coordinator open a channel and say something each way', () => {
  const { alice, coordinator } = openPair()
  alice.send('from alice ä')
  assert.deepEqual(carry(alice, coordinator), [
    { kind: 'open', remoteKey: aliceChannelKey.publicKey(crypto), version: 4 },
    { kind: 'message', text: 'from alice ä' },
  ])
  coordinator.send('to alice')
  coordinator.send('')
  assert.deepEqual(carry(coordinator, alice), [
    { kind: 'message', text: 'to alice' },
    { kind: 'message', text: '' },
  ])
})

test('what is said does not appear on the wire, and neither does the channel key of the node', () => {
  const frames: Uint8Array[] = []
  const { alice, coordinator } = openPair({ seen: (frame) => frames.push(frame) })
  alice.send('a marker')
  carry(alice, coordinator, (frame) => frames.push(frame))
  const wire = Buffer.concat(frames)
  assert.ok(!wire.includes('a marker'))
  assert.ok(!wire.includes(publicKeyBytes(aliceChannelKey.publicKey(crypto))))
})

test('before a frame has opened, the coordinator does not count the channel as open', () => {
  const { coordinator } = openPair()
  assert.equal(coordinator.poll(), undefined)
  assert.throws(() => coordinator.send('too early'))
})

test('a replayed first message leads to nothing that is acted upon', () => {
  const frames: Uint8Array[] = []
  const { alice, coordinator } = openPair({ seen: (frame) => frames.push(frame) })
  alice.send('{"type":"request"}')
  carry(alice, coordinator, (frame) => frames.push(frame))
  const [, first = new Uint8Array(), , request = new Uint8Array()] = frames

  const again = responder({ seed: 99 })
  drain(again)
  again.receive(first)
  const [second, ...more] = drain(again)
  assert.equal(second?.kind, 'frame')
  assert.deepEqual(more, [])
  again.receive(request)
  assert.deepEqual(kinds(drain(again)), ['failed frame-forged'])
})

test('another coordinator is refused before anything is said', () => {
  const alice = initiator()
  alice.receive(channelCertificate({}, keyOf('coordinator', 5)))
  assert.deepEqual(kinds(drain(alice)), ['failed channel-certificate-forged'])
})

test('a channel certificate that expired, or is of the future, is refused', () => {
  const table = [
    [{ notAfter: START + 100 }, START + 100 + 601, 'channel-certificate-expired'],
    [{ notBefore: START }, START - 601, 'channel-certificate-not-yet-valid'],
  ] as const
  for (const [change, moment, reason] of table) {
    const alice = initiator({ at: moment })
    alice.receive(channelCertificate(change))
    const [failed] = drain(alice)
    assert.ok(failed?.kind === 'failed')
    assert.equal(failed.reason, reason)
    assert.match(failed.message, /clocks/)
  }
})

test('a coordinator without the certified channel key is refused', () => {
  const alice = initiator()
  const thief = new ChannelResponder({
    crypto,
    random: countingRandom(1),
    channelKey: keyOf('channel', 9),
    certificate: channelCertificate(),
  })
  assert.deepEqual(kinds(carry(thief, alice)), [])
  assert.deepEqual(kinds(carry(alice, thief)), ['failed handshake-refused'])
})

test('a certificate exchanged for another of the same key on the way is noticed', () => {
  const alice = initiator()
  const coordinator = responder()
  drain(coordinator)
  alice.receive(channelCertificate({ notAfter: START + 2 * DAY }))
  assert.deepEqual(kinds(carry(alice, coordinator)), ['failed handshake-refused'])
})

test('a certified key of small order is refused', () => {
  const zero = createChannelCertificate(
    { channelKey: Buffer.alloc(32).toString('base64') as never, notBefore: START, notAfter: START + DAY },
    coordinatorKey,
    crypto,
  )
  const alice = initiator()
  alice.receive(zero)
  assert.deepEqual(kinds(drain(alice)), ['failed handshake-refused'])
})

test('a handshake with any byte changed fails', () => {
  for (const frame of [1, 2]) {
    const length = frame === 1 ? 97 : 49
    for (let i = 0; i < length; i++) {
      let seen = 0
      const outcome = attempt((bytes) => (seen++ === frame ? flip(bytes, i) : bytes))
      assert.deepEqual(outcome, ['failed handshake-refused'], `frame ${frame}, byte ${i}`)
    }
  }
})

test('a handshake cut off, or longer by a byte, fails', () => {
  for (const frame of [1, 2]) {
    for (const change of [
      (bytes: Uint8Array) => bytes.subarray(0, -1),
      (bytes: Uint8Array) => bytes.subarray(0, 31),
      (bytes: Uint8Array) => Uint8Array.of(...bytes, 0),
      () => new Uint8Array(),
    ]) {
      let seen = 0
      const outcome = attempt((bytes) => (seen++ === frame ? change(bytes) : bytes))
      assert.deepEqual(outcome, ['failed handshake-refused'])
    }
  }
})

test('a frame with any byte changed fails the channel for good', () => {
  const { alice, coordinator } = openPair()
  alice.send('hello')
  const [frame = new Uint8Array()] = framesOf(alice)
  for (let i = 0; i < frame.length; i++) {
    const other = openPair().coordinator
    other.receive(flip(frame, i))
    assert.deepEqual(kinds(drain(other)), ['failed frame-forged'])
    other.receive(frame)
    assert.deepEqual(drain(other), [])
    other.send('ignored')
    assert.deepEqual(drain(other), [])
  }
  coordinator.receive(frame)
  assert.deepEqual(kinds(drain(coordinator)), ['open', 'message hello'])
})

test('a frame repeated, lost or out of order fails the channel', () => {
  for (const order of [
    [0, 0],
    [1, 0],
    [0, 2],
  ]) {
    const { alice, coordinator } = openPair()
    for (const text of ['a', 'b', 'c']) alice.send(text)
    const frames = framesOf(alice)
    for (const i of order) coordinator.receive(frames[i] ?? new Uint8Array())
    assert.equal(kinds(drain(coordinator)).at(-1), 'failed frame-forged')
  }
})

test('frames of one direction do not open in the other', () => {
  const { alice } = openPair()
  alice.send('hello')
  const [frame = new Uint8Array()] = framesOf(alice)
  alice.receive(frame)
  assert.deepEqual(kinds(drain(alice)), ['failed frame-forged'])
})

test('a netmap of 16 MiB crosses in frames of at most 65,535 bytes', () => {
  const { alice, coordinator } = openPair()
  alice.send('hello')
  carry(alice, coordinator)
  const peers = Array.from({ length: 3_000 }, (_, i) => peer(i))
  const whole = JSON.stringify(netmap(1, peers))
  const text = whole.padEnd(MAX_MESSAGE_TO_NODE, ' ')
  coordinator.send(text)
  let frames = 0
  const [message] = carry(coordinator, alice, (frame) => {
    assert.ok(frame.length <= MAX_FRAME_LENGTH)
    frames++
  })
  assert.equal(frames, Math.ceil(MAX_MESSAGE_TO_NODE / FULL_PART))
  assert.ok(message?.kind === 'message' && message.text === text)
})

test('a message of exactly a frame, and one byte more, cross whole', () => {
  for (const length of [FULL_PART - 1, FULL_PART, FULL_PART + 1]) {
    const { alice, coordinator } = openPair()
    alice.send('hello')
    carry(alice, coordinator)
    coordinator.send('x'.repeat(length))
    const [message] = carry(coordinator, alice)
    assert.ok(message?.kind === 'message' && message.text.length === length)
  }
})

test('a message that is too long is not sent, and the channel goes on', () => {
  const { alice, coordinator } = openPair()
  assert.throws(() => alice.send('x'.repeat(MAX_MESSAGE_TO_COORDINATOR + 1)), RangeError)
  alice.send('x'.repeat(MAX_MESSAGE_TO_COORDINATOR))
  assert.equal(carry(alice, coordinator).length, 2)
  assert.throws(() => coordinator.send('x'.repeat(MAX_MESSAGE_TO_NODE + 1)), RangeError)
  coordinator.send('hello')
  assert.deepEqual(kinds(carry(coordinator, alice)), ['message hello'])
})

test('frames that make no message fail the channel', () => {
  const full = new Uint8Array(FULL_PART)
  const part = (flag: number, bytes: Uint8Array) => concatBytes(Uint8Array.of(flag), bytes)
  const table: readonly (readonly [readonly Uint8Array[], string])[] = [
    [[part(0, full), part(1, full)], 'message-too-large'],
    [[part(0, new Uint8Array())], 'frame-malformed'],
    [[part(0, new Uint8Array(5))], 'frame-malformed'],
    [[part(2, new Uint8Array(5))], 'frame-malformed'],
    [[new Uint8Array()], 'frame-malformed'],
    [[part(1, Uint8Array.of(0xff))], 'message-not-text'],
    [[part(1, Uint8Array.of(0xc3))], 'message-not-text'],
  ]
  for (const [plaintexts, reason] of table) {
    const { transport, coordinator } = rawInitiator()
    for (const plaintext of plaintexts) coordinator.receive(transport.seal(plaintext))
    assert.equal(kinds(drain(coordinator)).at(-1), `failed ${reason}`)
  }
})

test('a frame longer than Noise allows is refused', () => {
  const { alice, coordinator } = openPair()
  for (const end of [alice, coordinator]) {
    end.receive(new Uint8Array(MAX_FRAME_LENGTH + 1))
    assert.deepEqual(kinds(drain(end)), ['failed frame-too-large'])
  }
})

test('the highest version that both speak is used', () => {
  for (const [highest, used] of [
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
    [7, 4],
  ] as const)
    assert.equal(rawInitiator(Uint8Array.of(highest)).version, used)
  const alice = initiator()
  alice.receive(channelCertificate())
  const [first = new Uint8Array()] = framesOf(alice)
  const noise = rawResponder()
  assert.deepEqual(noise.readFirst(first)?.payload, Uint8Array.of(4))
  alice.receive(noise.writeSecond(Uint8Array.of(1)).message)
  assert.deepEqual(drain(alice), [{ kind: 'open', version: 1 }])
})

test('a node of a later version is answered', () => {
  const { transport, coordinator } = rawInitiator(Uint8Array.of(7))
  coordinator.receive(transport.seal(Uint8Array.of(1, 0x61)))
  assert.deepEqual(kinds(drain(coordinator)), ['open', 'message a'])
})

test('a version that we do not know is refused', () => {
  for (const [payload, reason] of [
    [Uint8Array.of(0), 'version-unknown'],
    [Uint8Array.of(), 'handshake-refused'],
    [Uint8Array.of(1, 1), 'handshake-refused'],
  ] as const) {
    const coordinator = responder()
    drain(coordinator)
    coordinator.receive(rawNoise().writeFirst(payload))
    assert.deepEqual(kinds(drain(coordinator)), [`failed ${reason}`])
  }
  for (const payload of [Uint8Array.of(5), Uint8Array.of(0), Uint8Array.of(), Uint8Array.of(1, 1)]) {
    const alice = initiator()
    alice.receive(channelCertificate())
    const [first = new Uint8Array()] = framesOf(alice)
    const noise = rawResponder()
    assert.ok(noise.readFirst(first))
    alice.receive(noise.writeSecond(payload).message)
    assert.deepEqual(kinds(drain(alice)), ['failed version-unknown'])
  }
})

test('random bytes to either end, at any moment, fail the channel and nothing else', () => {
  const moments: readonly (() => ChannelInitiator | ChannelResponder)[] = [
    () => initiator(),
    () => {
      const alice = initiator()
      alice.receive(channelCertificate())
      return alice
    },
    () => openPair().alice,
    () => responder(),
    () => openPair().coordinator,
  ]
  const shaped = fc.constantFrom(0, 16, 17, 49, 97, 113).chain((length) => {
    return fc.uint8Array({ minLength: length, maxLength: length })
  })
  fc.assert(
    fc.property(fc.constantFrom(...moments), fc.oneof(shaped, fc.uint8Array()), (make, bytes) => {
      const end = make()
      drain(end)
      end.receive(bytes)
      end.receive(bytes)
      assert.equal(drain(end).filter(({ kind }) => kind !== 'failed').length, 0)
    }),
    { numRuns: 150 },
  )
})
