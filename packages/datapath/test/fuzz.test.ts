import assert from 'node:assert/strict'
import { milliseconds, parsePrefix } from '@weft/base'
import { fuzz, type Mutation, mutateBytes, udpPacket } from '@weft/testing'
import { accountedFor, assertStillWorks, BOB, connected, outcomeSince, withMac1 } from './stranger-scene.ts'

const SOURCES = ['datapath/src/inbound.ts', 'datapath/src/way-up.ts', 'datapath/src/datagram-kind.ts']
const HANDSHAKE_LENGTHS = [148, 92]

/** Half of what looks like a handshake has a right mac1, or it would not get far. */
const mutateDatagram: Mutation<Uint8Array> = (valid, other, random) => {
  const changed = mutateBytes(valid, other, random)
  return HANDSHAKE_LENGTHS.includes(changed.length) && random.chance(0.5) ? withMac1(changed) : changed
}

fuzz({
  name: 'the fast path, by a stranger,',
  mutate: mutateDatagram,
  scene: () => {
    const scene = connected()
    const { harness, seen } = scene
    return {
      valid: seen,
      read(datagram) {
        const [meter, before, drops] = [harness.meter(BOB), accountedFor(harness), harness.drops()]
        harness.receive(datagram, harness.other)
        harness.clock.advance(milliseconds(1))
        assert.equal(accountedFor(harness), before + 1, 'counted once')
        assert.deepEqual(harness.meter(BOB), meter)
        assert.deepEqual([harness.sent.length, harness.delivered.length], [0, 0])
        const outcome = outcomeSince(drops, harness)
        assert.ok(harness.reports.every(({ kind }) => kind === 'handshake' || kind === 'datagram'))
        harness.reports.length = 0
        return outcome
      },
      async close() {
        harness.sent.length = 0
        assertStillWorks(scene)
      },
    }
  },
  reaches: [
    'handshake',
    'datagram',
    'malformed-datagram',
    'unknown-receiver',
    'not-authentic',
    'replayed',
    'mac1-wrong',
  ],
  sources: SOURCES,
  inputs: { long: 2_000_000 },
})

const packets = [
  udpPacket({ source: '10.9.0.2', destination: '10.9.0.1' }),
  udpPacket({ source: '10.9.0.2', destination: '10.9.0.1', data: new Uint8Array(100) }),
  udpPacket({ source: 'fd00:9::2', destination: 'fd00:9::1' }),
  new Uint8Array(60).fill(0x45),
]

fuzz({
  name: 'the fast path, by a peer that seals it,',
  mutate: mutateBytes,
  scene: () => {
    const { harness, end } = connected()
    const prefix = parsePrefix('10.9.0.2/32')
    assert.ok(prefix !== undefined)
    harness.tell({ kind: 'set-allowed-ips', peer: BOB, prefixes: [prefix] })
    return {
      valid: packets,
      read(packet) {
        const drops = harness.drops()
        harness.delivered.length = 0
        harness.reports.length = 0
        harness.receive(end.seal(packet))
        harness.clock.advance(milliseconds(1))
        for (const delivered of harness.delivered) {
          assert.ok(delivered.length <= packet.length + 15, 'no longer than it came, with its padding')
          assert.deepEqual([...delivered.slice(12, 16)], [10, 9, 0, 2], 'from its own address')
        }
        return harness.delivered.length > 0 ? 'delivered' : outcomeSince(drops, harness)
      },
    }
  },
  reaches: ['delivered', 'taken', 'malformed-packet', 'source-not-allowed'],
  sources: SOURCES,
})
