import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, datagramsOf, type IpAddress, runOf, toHex } from '@weft/base'
import fc from 'fast-check'
import {
  decodeFrames,
  encodeDatagrams,
  encodeFrame,
  type Frame,
  frameEnd,
  type KnockOutcome,
  MAX_DATAGRAM,
  MAX_MESSAGE,
  readdress,
  runsOf,
} from '../src/frames.ts'
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
  fc
    .tuple(id, fc.array(fc.uint8Array({ minLength: 1, maxLength: MAX_DATAGRAM }), { minLength: 1, maxLength: 4 }))
    .map(([node, datagrams]) => ({
      kind: 'datagrams' as const,
      node,
      frames: concatBytes(...datagrams.flatMap((datagram) => encodeDatagrams(node, runOf(datagram)))),
      count: datagrams.length,
    })),
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
      assert.deepEqual(decodeFrames(concatBytes(...frames.map(encodeFrame)))?.map(plain), joined(frames).map(plain))
    }),
  )
})

test('a run’s datagrams arrive as they were, in order, in messages that are not too long', () => {
  const runs = fc
    .tuple(fc.integer({ min: 1, max: MAX_DATAGRAM }), fc.integer({ min: 1, max: 70 }), fc.nat())
    .map(([stride, count, rest]) => ({ bytes: new Uint8Array(stride * (count - 1) + 1 + (rest % stride)), stride }))
  fc.assert(
    fc.property(id, id, fc.array(runs, { minLength: 1, maxLength: 3 }), (node, source, sent) => {
      for (const [i, { bytes }] of sent.entries()) bytes.set(bytes.map((_, at) => i + at + (at >> 8)))
      const pieces = sent.flatMap((run) => encodeDatagrams(node, run))
      for (const { length } of pieces) assert.ok(length <= MAX_MESSAGE)
      const received = runsOf(readdress(concatBytes(...pieces), source))
      assert.deepEqual(received.flatMap(datagramsOf).map(toHex), sent.flatMap(datagramsOf).map(toHex))
      const [frame, ...others] = decodeFrames(readdress(pieces[0] ?? assert.fail(), source)) ?? []
      assert.ok(frame?.kind === 'datagrams' && toHex(frame.node) === toHex(source) && others.length === 0)
    }),
    { numRuns: 40 },
  )
})

test('an outbox never holds more than it may, and keeps each sender’s order', () => {
  const pushes = fc.array(
    fc.record({
      source: fc.constantFrom('a', 'b', 'c'),
      lengths: fc.array(fc.integer({ min: 6, max: 120 }), { minLength: 1, maxLength: 6 }),
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
        for (let at = 0; message !== undefined && at < message.length; at = frameEnd(message, at))
          taken.push(((message[at + 3] ?? 0) << 16) | ((message[at + 4] ?? 0) << 8) | (message[at + 5] ?? 0))
        return message !== undefined
      }
      for (const { source, lengths, takes } of steps) {
        const frames = lengths.map((length) => {
          const frame = new Uint8Array(length)
          frame.set([4, 0, length - 3, source.charCodeAt(0), pushed >> 8, pushed & 0xff])
          pushed++
          return frame
        })
        dropped += outbox.push(source, concatBytes(...frames))
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

/** Datagrams that follow each other with one node are read as one. */
function joined(frames: readonly Frame[]): readonly Frame[] {
  const all: Frame[] = []
  for (const frame of frames) {
    const last = all.at(-1)
    if (frame.kind !== 'datagrams' || last?.kind !== 'datagrams' || toHex(last.node) !== toHex(frame.node))
      all.push(frame)
    else
      all[all.length - 1] = {
        ...last,
        frames: concatBytes(last.frames, frame.frames),
        count: last.count + frame.count,
      }
  }
  return all
}

const plain = (frame: Frame) =>
  Object.fromEntries(
    Object.entries(frame).map(([key, value]) => [key, value instanceof Uint8Array ? toHex(value) : value]),
  )
