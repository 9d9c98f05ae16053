import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, ipFromBytes } from '@weft/base'
import {
  buildIpPacket,
  destinationOffset,
  FRAGMENT_FIRST,
  FRAGMENT_LATER,
  FRAGMENT_NONE,
  ipTotalLength,
  ipVersion,
  PacketView,
  putUint16,
  putUint32,
  sourceOffset,
} from '@weft/packet'
import fc from 'fast-check'

const A4 = Uint8Array.of(192, 0, 2, 1)
const B4 = Uint8Array.of(192, 0, 2, 2)
const A6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Uint8Array(11), 1)
const B6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Uint8Array(11), 2)
const UDP = Uint8Array.of(0x12, 0x34, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4)
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const DESTINATION = 60
const UDP_PROTOCOL = 17

test('an IPv4 packet is read to its ports, behind options too', () => {
  for (const options of [0, 4, 40]) {
    const view = readOrFail(ipv4({ payload: UDP, options }))
    assert.deepEqual([view.version, view.protocol, view.fragment], [4, 17, FRAGMENT_NONE])
    assert.deepEqual([view.sourcePort, view.destinationPort], [0x1234, 53])
    assert.equal(view.transportOffset, 20 + options)
    assert.equal(view.transportLength, UDP.length)
  }
})

test('an IPv6 packet is read to its ports, behind every extension header', () => {
  const chains: readonly (readonly (readonly [kind: number, length: number])[])[] = [
    [],
    [[HOP_BY_HOP, 8]],
    [[ROUTING, 24]],
    [[DESTINATION, 16]],
    [
      [HOP_BY_HOP, 8],
      [DESTINATION, 8],
      [ROUTING, 40],
      [FRAGMENT, 8],
      [DESTINATION, 2048],
    ],
  ]
  for (const chain of chains) {
    const view = readOrFail(ipv6(chain, UDP))
    assert.deepEqual([view.version, view.protocol, view.fragment], [6, 17, FRAGMENT_NONE])
    assert.deepEqual([view.sourcePort, view.destinationPort], [0x1234, 53])
    assert.equal(view.transportLength, UDP.length)
  }
})

test('a chain of more than eight extension headers is malformed', () => {
  const chain = (count: number) => Array.from({ length: count }, () => [DESTINATION, 8] as const)
  assert.ok(new PacketView().read(ipv6(chain(8), UDP), 0, 8 * 8 + 40 + UDP.length))
  assert.ok(!new PacketView().read(ipv6(chain(9), UDP), 0, 9 * 8 + 40 + UDP.length))
})

test('an extension header that goes beyond the packet is malformed', () => {
  const packet = ipv6([[DESTINATION, 8]], UDP)
  packet[41] = 2
  assert.ok(!new PacketView().read(packet, 0, packet.length))
  packet[41] = 0xff
  assert.ok(!new PacketView().read(packet, 0, packet.length))
})

test('the first IPv4 fragment has ports, later ones have none', () => {
  const first = readOrFail(ipv4({ payload: UDP, fragmentField: 0x2000 }))
  assert.deepEqual([first.fragment, first.sourcePort, first.identification], [FRAGMENT_FIRST, 0x1234, 0xbeef])
  const later = readOrFail(ipv4({ payload: UDP, fragmentField: 0x2001 }))
  assert.deepEqual([later.fragment, later.sourcePort, later.fragmentOffset], [FRAGMENT_LATER, 0, 8])
  const last = readOrFail(ipv4({ payload: UDP, fragmentField: 0x1fff }))
  assert.deepEqual([last.fragment, last.fragmentOffset], [FRAGMENT_LATER, 65_528])
})

test('the first IPv6 fragment has ports, later ones have none and end the chain', () => {
  const packet = ipv6([[FRAGMENT, 8]], UDP)
  putUint16(packet, 42, 1)
  putUint32(packet, 44, 0xdeadbeef)
  const first = readOrFail(packet)
  assert.deepEqual([first.fragment, first.sourcePort, first.identification], [FRAGMENT_FIRST, 0x1234, 0xdeadbeef])
  putUint16(packet, 42, 16)
  packet[40] = DESTINATION
  const later = readOrFail(packet)
  assert.deepEqual([later.fragment, later.sourcePort, later.fragmentOffset], [FRAGMENT_LATER, 0, 16])
  assert.deepEqual([later.protocol, later.transportOffset], [DESTINATION, 48])
})

test('malformed IPv4 headers have no length', () => {
  const packet = ipv4({ payload: UDP })
  const faults: readonly (readonly [at: number, value: number])[] = [
    [0, 0x44],
    [0, 0x4f],
    [0, 0x55],
    [3, 19],
    [3, packet.length + 1],
    [2, 1],
  ]
  for (const [at, value] of faults) {
    const faulty = packet.slice()
    faulty[at] = value
    assert.equal(ipTotalLength(faulty, 0, faulty.length), 0, `byte ${at} is ${value}`)
  }
})

test('a packet cut anywhere is no packet', () => {
  for (const packet of [ipv4({ payload: UDP, options: 4 }), ipv6([[ROUTING, 24]], UDP)]) {
    for (let length = 0; length < packet.length; length++) {
      assert.equal(ipTotalLength(packet, 0, length), 0)
      assert.ok(!new PacketView().read(packet, 0, length))
    }
  }
})

test('a quoted packet may be cut behind its IP headers', () => {
  const packet = ipv4({ payload: UDP })
  const view = new PacketView()
  assert.ok(view.readQuoted(packet, 0, 28))
  assert.deepEqual([view.sourcePort, view.destinationPort, view.transportLength], [0x1234, 53, 8])
  assert.ok(view.readQuoted(packet, 0, 22))
  assert.deepEqual([view.sourcePort, view.transportLength], [0, 2])
  assert.ok(!view.readQuoted(packet, 0, 19))
})

test('what lies behind the packet is not looked at', () => {
  const packet = ipv4({ payload: UDP.slice(0, 2) })
  const view = new PacketView()
  assert.ok(view.read(concatBytes(packet, new Uint8Array(20).fill(0xff)), 0, packet.length + 20))
  assert.deepEqual([view.totalLength, view.sourcePort, view.transportLength], [packet.length, 0, 2])
})

test('any bytes are read without an error, and what is read lies within them', () => {
  const view = new PacketView()
  const firstByte = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x6f, 0)
  fc.assert(
    fc.property(firstByte, fc.uint8Array({ maxLength: 200 }), fc.nat(9), fc.boolean(), (first, body, offset, fits) => {
      const memory = concatBytes(new Uint8Array(offset), Uint8Array.of(first), body)
      const length = memory.length - offset
      // Most random packets would tell a wrong length and be of no interest.
      if (fits && length >= 40) putUint16(memory, offset + (first < 0x60 ? 2 : 4), first < 0x60 ? length : length - 40)
      if (!view.read(memory, offset, length)) return
      assert.ok(view.totalLength <= length)
      assert.ok(view.transportOffset >= offset + 20)
      assert.equal(view.transportOffset + view.transportLength, offset + view.totalLength)
      assert.ok(view.transportLength >= 0)
    }),
    { numRuns: 2000 },
  )
})

test('version and addresses are found by their offsets', () => {
  for (const [packet, source, destination] of [
    [ipv4({ payload: UDP }), A4, B4],
    [ipv6([], UDP), A6, B6],
  ] as const) {
    const memory = concatBytes(new Uint8Array(5), packet)
    const bytes = ipVersion(memory, 5, packet.length) === 4 ? 4 : 16
    const at = (offset: number) => ipFromBytes(memory.slice(offset, offset + bytes))
    assert.equal(at(sourceOffset(memory, 5)), ipFromBytes(source))
    assert.equal(at(destinationOffset(memory, 5)), ipFromBytes(destination))
  }
  assert.equal(ipVersion(Uint8Array.of(0x55), 0, 1), 0)
  assert.equal(ipVersion(Uint8Array.of(0x45), 0, 0), 0)
})

function readOrFail(packet: Uint8Array): PacketView {
  const view = new PacketView()
  assert.ok(view.read(packet, 0, packet.length), 'it is a packet')
  return view
}

function ipv4(fields: {
  readonly payload: Uint8Array
  readonly options?: number
  readonly fragmentField?: number
}): Uint8Array {
  const { payload, options = 0, fragmentField = 0x4000 } = fields
  const plain = buildIpPacket({ source: A4, destination: B4, protocol: UDP_PROTOCOL, payload })
  const packet = concatBytes(plain.slice(0, 20), new Uint8Array(options), payload)
  packet[0] = 0x45 + options / 4
  putUint16(packet, 2, packet.length)
  putUint16(packet, 4, 0xbeef)
  putUint16(packet, 6, fragmentField)
  return packet
}

/** Extension headers by kind and length in bytes, then UDP. */
function ipv6(chain: readonly (readonly [kind: number, length: number])[], payload: Uint8Array): Uint8Array {
  const headers = chain.map(([kind, length], i) => {
    const header = new Uint8Array(length)
    header[0] = chain[i + 1]?.[0] ?? UDP_PROTOCOL
    if (kind !== FRAGMENT) header[1] = length / 8 - 1
    return header
  })
  const protocol = chain[0]?.[0] ?? UDP_PROTOCOL
  return buildIpPacket({ source: A6, destination: B6, protocol, payload: concatBytes(...headers, payload) })
}
