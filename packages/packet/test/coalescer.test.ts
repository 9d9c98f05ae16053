import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Coalescer, ipTotalLength, putUint16, Segmenter, VIRTIO_HEADER, VirtioHeader } from '../src/index.ts'
import { type BigPacket, bigPacket, segmentsOf, virtioHeaderOf } from './big-packet.ts'

const SLOT = 2048
const GATHERED = 300 * SLOT
const CUT = GATHERED + 70_000

/** A coalescer, and packets that come and leave. What was joined is cut again, so that it can be compared. */
class Bench {
  readonly memory = new Uint8Array(CUT + 70_000)
  /** Each delivery: the packets that it stands for. */
  readonly delivered: Uint8Array[][] = []
  /** Each joined packet with its virtio header. */
  readonly joined: { header: VirtioHeader; packet: Uint8Array }[] = []
  readonly coalescer: Coalescer
  #slot = 0

  constructor(joinsUdp = true) {
    this.coalescer = new Coalescer(
      this.memory,
      {
        deliver: (offset, length) => this.delivered.push([this.memory.slice(offset, offset + length)]),
        deliverParts: (parts) => {
          let at = GATHERED
          for (let part = 0; part < parts.count; part++) {
            const from = parts.offset(part)
            this.memory.copyWithin(at, from, from + parts.length(part))
            at += parts.length(part)
          }
          this.delivered.push(this.#cut(at - GATHERED))
        },
      },
      { joinsUdp },
    )
  }

  come(packet: Uint8Array, owner = 1): void {
    const offset = this.#slot++ * SLOT + 16
    this.memory.set(packet, offset)
    if (this.coalescer.join(offset, packet.length, owner)) return
    if (!this.coalescer.begin(offset, packet.length, owner)) this.delivered.push([packet])
  }

  #cut(length: number): Uint8Array[] {
    const { memory } = this
    const header = new VirtioHeader()
    header.read(memory, GATHERED)
    const packet = GATHERED + VIRTIO_HEADER
    const total = length - VIRTIO_HEADER
    assert.equal(ipTotalLength(memory, packet, total), total)
    this.joined.push({ header, packet: memory.slice(packet, packet + total) })
    const segmenter = new Segmenter(memory)
    assert.ok(segmenter.begin(packet, total, header, 65_535))
    const cuts: Uint8Array[] = []
    for (let bytes = segmenter.nextLength; bytes > 0; bytes = segmenter.nextLength) {
      segmenter.next(CUT)
      cuts.push(memory.slice(CUT, CUT + bytes))
    }
    return cuts
  }
}

const base: BigPacket = {
  version: 4,
  protocol: 'tcp',
  segmentSize: 100,
  data: new Uint8Array(1000).map((_, i) => i),
  flags: 0x10,
}

test('what comes in order becomes one packet, the one that the sender once had', () => {
  for (const version of [4, 6] as const)
    for (const protocol of ['tcp', 'udp'] as const) {
      const bench = new Bench()
      const big: BigPacket = { ...base, version, protocol, flags: 0x18, data: new Uint8Array(950).fill(5) }
      for (const segment of segmentsOf(big)) bench.come(segment)
      bench.coalescer.flush()
      const [joined] = bench.joined
      assert.equal(bench.joined.length, 1)
      assert.deepEqual({ ...joined?.header }, { ...virtioHeaderOf(big) })
      const whole = bigPacket(big)
      assert.deepEqual(joined?.packet, whole)
    }
})

/** All of these packets must not be fragmented, so that it means nothing. RFC 6864 §4.1. */
function withoutIdentification(packet: Uint8Array): Uint8Array {
  return packet[0] === 0x45 ? packet.with(4, 0).with(5, 0).with(10, 0).with(11, 0) : packet
}

test('whatever comes leaves unchanged but for identifications that mean nothing, and in order within each flow', () => {
  const anyFlow = fc.record({
    version: fc.constantFrom<4 | 6>(4, 6),
    protocol: fc.constantFrom<'tcp' | 'udp'>('tcp', 'udp'),
    segmentSize: fc.integer({ min: 1, max: 200 }),
    data: fc.uint8Array({ minLength: 1, maxLength: 1500 }),
    flags: fc.constantFrom(0x10, 0x18, 0x11, 0x90, 0x02),
    sequence: fc.constantFrom(1, 0xffffff00),
    identification: fc.constantFrom(0, 0xfff8),
    host: fc.nat(20),
  })
  fc.assert(
    fc.property(
      fc.array(anyFlow, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
      fc.array(fc.tuple(fc.nat(250), fc.nat(60)), { maxLength: 6 }),
      (flows, choices, spoilt) => {
        const queues = flows.map((flow) => segmentsOf(flow).map((packet) => ({ packet, flow })))
        const order: { packet: Uint8Array; flow: (typeof flows)[number] }[] = []
        for (let i = 0; order.length < 250 && queues.some((queue) => queue.length > 0); i++) {
          const waiting = queues.filter((queue) => queue.length > 0)
          const next = waiting[(choices[i % choices.length] ?? 0) % waiting.length]?.shift()
          if (next !== undefined) order.push(next)
        }
        for (const [at, byte] of spoilt) {
          const packet = order[at % order.length]?.packet
          if (packet !== undefined && byte >= (packet[0] === 0x45 ? 24 : 44) && byte < packet.length)
            packet[byte] = (packet[byte] ?? 0) ^ 0x55
        }
        const bench = new Bench()
        for (const { packet, flow } of order) bench.come(packet, flow.host % 3)
        bench.coalescer.flush()
        const flowOf = (packet: Uint8Array) => {
          const isIpv4 = packet[0] === 0x45
          return [packet[isIpv4 ? 9 : 6], ...packet.slice(isIpv4 ? 12 : 8, isIpv4 ? 24 : 44)].join()
        }
        const came = Map.groupBy(
          order.map(({ packet }) => packet),
          flowOf,
        )
        const left = Map.groupBy(bench.delivered.flat(), flowOf)
        assert.equal(left.size, came.size)
        for (const [flow, packets] of came)
          assert.deepEqual(left.get(flow)?.map(withoutIdentification), packets.map(withoutIdentification))
      },
    ),
  )
})

function deliveriesOf(packets: readonly Uint8Array[], joinsUdp = true): number[] {
  const bench = new Bench(joinsUdp)
  for (const packet of packets) bench.come(packet)
  bench.coalescer.flush()
  assert.deepEqual(bench.delivered.flat(), packets)
  return bench.delivered.map((packetsOfOne) => packetsOfOne.length)
}

test('a shorter packet, or one that is pushed, ends a group', () => {
  assert.deepEqual(deliveriesOf([...segmentsOf({ ...base, data: new Uint8Array(250) }), ...segmentsOf(base)]), [3, 10])
  const pushed = segmentsOf({ ...base, flags: 0x18, data: new Uint8Array(300) })
  assert.deepEqual(deliveriesOf([...pushed, ...segmentsOf({ ...base, sequence: 301, identification: 10 })]), [3, 10])
})

const differences: readonly (readonly [string, Partial<BigPacket>])[] = [
  ['a gap', { sequence: 302 }],
  ['a longer payload', { segmentSize: 101 }],
  ['another hop limit', { ttl: 63 }],
  ['other options', { options: Uint8Array.of(1, 1, 1, 1) }],
  ['a FIN', { flags: 0x11, data: new Uint8Array(100) }],
  ['a congestion signal', { flags: 0x50, data: new Uint8Array(100) }],
  ['a gap in identifications', { identification: 12 }],
]
for (const [name, difference] of differences)
  test(`${name} keeps packets apart`, () => {
    const first = segmentsOf({ ...base, data: new Uint8Array(300) })
    const then = segmentsOf({ ...base, sequence: 301, identification: 10, ...difference })
    assert.equal(deliveriesOf([...first, ...then])[0], 3)
  })

test('a wrong checksum goes on alone, for the kernel to see', () => {
  for (const wrong of [0, 1, 4]) {
    const packets = segmentsOf(base)
    const packet = packets[wrong]
    if (packet !== undefined) putUint16(packet, 36, 0x1234)
    const deliveries = deliveriesOf(packets)
    assert.ok(deliveries.length > 1 && Math.max(...deliveries) < 10, String(deliveries))
  }
})

test('datagrams are joined only where the port takes that', () => {
  const packets = segmentsOf({ ...base, protocol: 'udp' })
  assert.deepEqual(deliveriesOf(packets), [10])
  assert.deepEqual(
    deliveriesOf(packets, false),
    packets.map(() => 1),
  )
})

test('no more is joined than one packet can say', () => {
  const data = new Uint8Array(100_000)
  const packets = segmentsOf({ ...base, segmentSize: 1300, data })
  assert.deepEqual(deliveriesOf(packets), [50, 27])
  assert.equal(Math.max(...deliveriesOf(segmentsOf({ ...base, segmentSize: 500, data }))), 64)
})
