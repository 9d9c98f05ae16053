import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SEGMENTS_NONE, Segmenter, VirtioHeader } from '../src/index.ts'
import { type BigPacket, bigPacket, segmentsOf, virtioHeaderOf } from './big-packet.ts'

const OUTPUT = 70_000

const anyBigPacket: fc.Arbitrary<BigPacket> = fc.record({
  version: fc.constantFrom(4, 6),
  protocol: fc.constantFrom('tcp', 'udp'),
  segmentSize: fc.integer({ min: 1, max: 1500 }),
  data: fc.uint8Array({ minLength: 1, maxLength: 6000 }),
  options: fc.constantFrom(new Uint8Array(0), new Uint8Array(12).fill(1)),
  flags: fc.nat(0xff),
  sequence: fc.nat(0xffffffff),
  identification: fc.nat(0xffff),
})

function cut(big: BigPacket, maxLength = 65_535, offset = 16): Uint8Array[] {
  return cutsOf(bigPacket(big), offset, (segmenter, length) =>
    segmenter.begin(offset, length, virtioHeaderOf(big), maxLength),
  )
}

function cutData(packet: Uint8Array, maxLength: number): Uint8Array[] {
  return cutsOf(packet, 16, (segmenter, length) => segmenter.beginTcpData(16, length, maxLength))
}

function cutsOf(
  packet: Uint8Array,
  offset: number,
  begin: (segmenter: Segmenter, length: number) => boolean,
): Uint8Array[] {
  const memory = new Uint8Array(2 * OUTPUT)
  memory.set(packet, offset)
  const segmenter = new Segmenter(memory)
  const cuts: Uint8Array[] = []
  if (!begin(segmenter, packet.length)) return cuts
  for (let bytes = segmenter.nextLength; bytes > 0; bytes = segmenter.nextLength) {
    segmenter.next(OUTPUT)
    cuts.push(memory.slice(OUTPUT, OUTPUT + bytes))
  }
  return cuts
}

test('segments are those that a slow sender makes one by one, at any place in memory', () => {
  fc.assert(
    fc.property(anyBigPacket, fc.nat(3), (big, shift) => {
      assert.deepEqual(cut(big, 65_535, 16 + shift), segmentsOf(big))
    }),
  )
})

test('segments of TCP become shorter where the path wants that, datagrams do not', () => {
  for (const version of [4, 6] as const) {
    const tcp: BigPacket = { version, protocol: 'tcp', segmentSize: 1380, data: new Uint8Array(5000).fill(3) }
    const headers = version === 4 ? 40 : 60
    assert.deepEqual(cut(tcp, 1280), segmentsOf(tcp, 1280 - headers))
    const udp: BigPacket = { ...tcp, protocol: 'udp' }
    assert.deepEqual(cut(udp, 1280), segmentsOf(udp))
  }
})

test('TCP data in one packet are cut as a slow sender would have made them', () => {
  fc.assert(
    fc.property(anyBigPacket, fc.integer({ min: 100, max: 1500 }), (any, maxLength) => {
      const headers = (any.version === 4 ? 40 : 60) + (any.options?.length ?? 0)
      // Whole: every byte in one segment; its flags are those of data, CWR and ECE included.
      const big: BigPacket = { ...any, protocol: 'tcp', segmentSize: 65_535, flags: (any.flags ?? 0) & 0xd9 }
      const [whole = assert.fail()] = segmentsOf(big)
      assert.deepEqual(cutData(whole, maxLength), segmentsOf(big, maxLength - headers))
    }),
  )
})

test('what is not data of TCP stays whole: the beginning and the end by force, urgent data, fragments, other protocols', () => {
  const data: BigPacket = { version: 4, protocol: 'tcp', segmentSize: 65_535, data: new Uint8Array(1400), flags: 0x10 }
  const [packet = assert.fail()] = segmentsOf(data)
  assert.equal(cutData(packet, 1280).length, 2)
  for (const flag of [0x02, 0x04, 0x20]) {
    const [other = assert.fail()] = segmentsOf({ ...data, flags: 0x10 | flag })
    assert.deepEqual(cutData(other, 1280), [])
  }
  const fragment = packet.slice()
  fragment[6] = 0x20
  assert.deepEqual(cutData(fragment, 1280), [])
  for (const version of [4, 6] as const) {
    const [udp = assert.fail()] = segmentsOf({ ...data, version, protocol: 'udp' })
    assert.deepEqual(cutData(udp, 1280), [])
  }
  assert.deepEqual(cutData(packet.slice(0, 39), 1280), [])
})

test('a checksum that was left open is completed', () => {
  const big: BigPacket = { version: 4, protocol: 'udp', segmentSize: 100, data: new Uint8Array(100).fill(9) }
  const memory = new Uint8Array(1000)
  const packet = bigPacket(big)
  memory.set(packet, 16)
  const header = virtioHeaderOf(big)
  header.kind = SEGMENTS_NONE
  assert.equal(new Segmenter(memory).completeChecksum(16, packet.length, header), true)
  assert.deepEqual([memory.slice(16, 16 + packet.length)], segmentsOf(big))
})

test('headers that do not fit the packet are refused', () => {
  const big: BigPacket = { version: 4, protocol: 'tcp', segmentSize: 100, data: new Uint8Array(300) }
  const packet = bigPacket(big)
  const memory = new Uint8Array(1000)
  memory.set(packet)
  const wrong: readonly Partial<VirtioHeader>[] = [
    { kind: 4 },
    { kind: 3 },
    { needsChecksum: false },
    { segmentSize: 0 },
    { checksumStart: 19 },
    { checksumStart: 330 },
    { checksumOffset: 6 },
  ]
  for (const fields of wrong) {
    const header = Object.assign(virtioHeaderOf(big), fields)
    assert.equal(new Segmenter(memory).begin(0, packet.length, header, 1500), false, JSON.stringify(fields))
  }
  assert.equal(new Segmenter(memory).begin(0, packet.length, virtioHeaderOf(big), 40), false)
  assert.equal(new Segmenter(memory).completeChecksum(0, 20, virtioHeaderOf(big)), false)
})

test('a virtio header is read as it was written', () => {
  const header = Object.assign(new VirtioHeader(), {
    needsChecksum: true,
    kind: 5,
    headerLength: 54,
    segmentSize: 1368,
    checksumStart: 40,
    checksumOffset: 6,
  })
  const memory = new Uint8Array(12)
  header.write(memory, 2)
  const again = new VirtioHeader()
  again.read(memory, 2)
  assert.deepEqual({ ...again }, { ...header })
  assert.deepEqual([...memory], [0, 0, 1, 5, 54, 0, 0x58, 5, 40, 0, 6, 0])
})
