import assert from 'node:assert/strict'
import { test } from 'node:test'
import { milliseconds, runOf } from '@weft/base'
import { RING_SLOT_BYTES } from '@weft/datapath'
import type { NodeId } from '@weft/keys'
import fc from 'fast-check'
import { accountedFor, assertStillWorks, BOB, connected } from './stranger-scene.ts'

test('what comes by relay, or from the packet port, changes nothing', () => {
  const scene = connected()
  const { harness } = scene
  const relay = 'd'.repeat(32) as NodeId
  fc.assert(
    fc.property(datagramFrom(scene.seen), fc.uint8Array({ maxLength: 100 }), (datagram, packet) => {
      const meter = harness.meter(BOB)
      const before = accountedFor(harness)
      harness.tell({ kind: 'receive-relayed', relay, run: runOf(datagram) })
      assert.equal(accountedFor(harness), before + 1)
      assert.deepEqual(harness.meter(BOB), meter)
      harness.portPacket(packet)
      harness.clock.advance(milliseconds(1))
    }),
    { numRuns: 1000 },
  )
  harness.sent.length = 0
  assertStillWorks(scene)
})

function datagramFrom(seen: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const headers = fc
    .tuple(fc.constantFrom(1, 2, 3, 4, 5), fc.uint8Array({ maxLength: 200 }))
    .map(([type, body]) => Uint8Array.of(type, 0, 0, 0, ...body))
  return fc.oneof(
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: fc.nat(RING_SLOT_BYTES + 500).map((length) => new Uint8Array(length).fill(4)) },
    { weight: 2, arbitrary: headers },
    { weight: 5, arbitrary: mutated(seen) },
  )
}

/** One of them: as it is, cut, lengthened, or with some bytes changed. */
function mutated(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 })
  return fc
    .tuple(fc.constantFrom(...originals), fc.integer({ min: -40, max: 40 }), changes)
    .map(([original, growth, flips]) => {
      const copy = new Uint8Array(Math.max(0, original.length + (growth % 3 === 0 ? growth : 0)))
      copy.set(original.subarray(0, copy.length))
      for (const [at, flip] of flips) if (copy.length > 0) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ flip
      return copy
    })
}
