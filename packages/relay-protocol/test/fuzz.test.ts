import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, type IpAddress, toHex } from '@weft/base'
import fc from 'fast-check'
import { decodeFrames, encodeFrame, type Frame, type KnockOutcome, MAX_DATAGRAM } from '../src/frames.ts'
import { Outbox } from '../src/outbox.ts'

const id = fc.uint8Array({ minLength: 16, maxLength: 16 })
const token = fc.uint8Array({ minLength: 8, maxLength: 8 })
const anyAddress = fc.constantFrom('192.0.2.7' as IpAddress, '2001:db8::7' as IpAddress, '::1' as IpAddress)
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    kind: fc.constant('challenge' as const),
    relay: id,
    nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({ kind: fc.constant('admission' as const), proof: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
  fc.constantFrom<Frame>({ kind: 'admitted' }, { kind: 'draining' }),
  fc.record({
    kind: fc.constant('datagram' as const),
    node: id,
    datagram: fc.uint8Array({ minLength: 1, maxLength: MAX_DATAGRAM }),
  }),
  fc.record({ kind: fc.constant('absent' as const), node: id }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), token }),
  fc.record({ kind: fc.constant('revocation' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 830 }) }),
  fc.record({ kind: fc.constant('coordinator' as const), signature: fc.uint8Array({ minLength: 64, maxLength: 64 }) }),
  fc.record({
    kind: fc.constant('welcome' as const),
    stunPort: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    seenAt: anyAddress,
  }),
  fc.record({ kind: fc.constant('caller' as const), token: id, source: anyAddress }),
  fc.record({ kind: fc.constant('answer' as const), token: id }),
  fc.record({ kind: fc.constant('knock' as const), token: id, port: fc.integer({ min: 1, max: 65_535 }) }),
  fc.record({
    kind: fc.constant('knocked' as const),
    token: id,
    outcome: fc.constantFrom<KnockOutcome[]>('answered', 'refused', 'silent', 'other', 'not-outside', 'too-often'),
  }),
)

test('frames that follow each other are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 8 }), (frames) => {
      assert.deepEqual(decodeFrames(concatBytes(...frames.map(encodeFrame)))?.map(plain), frames.map(plain))
    }),
  )
})

test('any bytes are read without harm, and what is read is written as it was', () => {
  const mutated = fc.tuple(fc.array(anyFrame, { maxLength: 4 }), fc.nat(), fc.nat(255), fc.nat(40))
  fc.assert(
    fc.property(mutated, ([frames, at, value, cut]) => {
      const bytes = concatBytes(...frames.map(encodeFrame))
      if (bytes.length > 0) bytes[at % bytes.length] = value
      const message = bytes.subarray(0, Math.max(0, bytes.length - cut))
      const read = decodeFrames(message)
      if (read !== undefined) assert.equal(toHex(concatBytes(...read.map(encodeFrame))), toHex(message))
    }),
  )
})

test('an outbox never holds more than it may, and keeps each sender’s order', () => {
  const pushes = fc.array(
    fc.record({
      source: fc.constantFrom('a', 'b', 'c'),
      length: fc.integer({ min: 4, max: 120 }),
      takes: fc.boolean(),
    }),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(pushes, (steps) => {
      const outbox = new Outbox(600)
      const taken: number[] = []
      let pushed = 0
      let dropped = 0
      const take = () => {
        const message = outbox.take(300)
        for (let at = 0; message !== undefined && at < message.length; at += (message[at] ?? 0) + 4)
          taken.push(((message[at + 1] ?? 0) << 16) | ((message[at + 2] ?? 0) << 8) | (message[at + 3] ?? 0))
        return message !== undefined
      }
      for (const { source, length, takes } of steps) {
        const frame = new Uint8Array(length)
        frame.set([length - 4, source.charCodeAt(0), pushed >> 8, pushed & 0xff])
        pushed++
        dropped += outbox.push(source, frame)
        assert.ok(outbox.bytes <= 600)
        if (takes) take()
      }
      while (take());
      assert.equal(taken.length + dropped, pushed)
      for (const source of ['a', 'b', 'c']) {
        const own = taken.filter((each) => each >> 16 === source.charCodeAt(0))
        assert.deepEqual(
          own,
          own.toSorted((x, y) => x - y),
        )
      }
    }),
  )
})

const plain = (frame: Frame) =>
  Object.fromEntries(
    Object.entries(frame).map(([key, value]) => [key, value instanceof Uint8Array ? toHex(value) : value]),
  )
