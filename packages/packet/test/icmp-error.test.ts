import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpAddress, ipBytes, parseIp } from '@weft/base'
import {
  buildIcmpPacket,
  buildIpPacket,
  buildTooBig,
  checksum,
  PacketView,
  pseudoHeaderSum,
  putUint16,
  uint16At,
  uint32At,
} from '@weft/packet'
import fc from 'fast-check'

const ENDS4 = ['10.0.0.1', '10.0.0.2'] as const
const ENDS6 = ['fd00::1', 'fd00::2'] as const

test('in IPv4 it is "fragmentation needed" with the MTU and the packet’s beginning', () => {
  const packet = udp(ENDS4, 1400)
  const answer = buildTooBig(packet, 1280, address('10.0.0.9'))
  assert.ok(answer !== undefined)
  assert.equal(answer.length, 576)
  assert.deepEqual(answer.slice(12, 16), ipBytes(address('10.0.0.9')))
  assert.deepEqual(answer.slice(16, 20), ipBytes(address(ENDS4[0])))
  assert.deepEqual([...answer.slice(20, 22)], [3, 4])
  assert.deepEqual([uint16At(answer, 24), uint16At(answer, 26)], [0, 1280])
  assert.deepEqual(answer.slice(28), packet.slice(0, 576 - 28))
  assert.equal(checksum(answer, 0, 20), 0)
  assert.equal(checksum(answer, 20, 556), 0)
})

test('in IPv6 it is "packet too big" with the MTU and as much of the packet as fits', () => {
  const packet = udp(ENDS6, 1400)
  const answer = buildTooBig(packet, 1280)
  assert.ok(answer !== undefined)
  assert.equal(answer.length, 1280)
  assert.deepEqual(answer.slice(8, 24), ipBytes(address(ENDS6[1])))
  assert.deepEqual(answer.slice(24, 40), ipBytes(address(ENDS6[0])))
  assert.deepEqual([...answer.slice(40, 42)], [2, 0])
  assert.equal(uint32At(answer, 44), 1280)
  assert.deepEqual(answer.slice(48), packet.slice(0, 1280 - 48))
  assert.equal(checksum(answer, 40, 1240, pseudoHeaderSum(answer, 0, 58, 1240)), 0)
})

test('nothing is said about an ICMP error or a redirect, but about other ICMP', () => {
  for (const [type, isAnswered] of [
    [3, false],
    [4, false],
    [5, false],
    [11, false],
    [12, false],
    [0, true],
    [8, true],
    [13, true],
  ] as const) {
    assert.equal(buildTooBig(icmp(ENDS4, type), 1280) !== undefined, isAnswered, `ICMP type ${type}`)
  }
  for (const [type, isAnswered] of [
    [1, false],
    [2, false],
    [4, false],
    [100, false],
    [127, false],
    [137, false],
    [128, true],
    [129, true],
  ] as const) {
    assert.equal(buildTooBig(icmp(ENDS6, type), 1280) !== undefined, isAnswered, `ICMPv6 type ${type}`)
  }
})

test('nothing is said to or about what is not one host', () => {
  for (const ends of [
    ['10.0.0.1', '224.0.0.1'],
    ['10.0.0.1', '255.255.255.255'],
    ['0.0.0.0', '10.0.0.2'],
    ['127.0.0.1', '10.0.0.2'],
    ['fd00::1', 'ff02::1'],
    ['::', 'fd00::2'],
    ['::1', 'fd00::2'],
  ] as const) {
    assert.equal(buildTooBig(udp(ends, 1400), 1280), undefined, ends.join(' → '))
  }
})

test('nothing is said about a later IPv4 fragment', () => {
  const packet = udp(ENDS4, 1400)
  putUint16(packet, 6, 0x2000)
  assert.ok(buildTooBig(packet, 1280) !== undefined)
  putUint16(packet, 6, 0x2001)
  assert.equal(buildTooBig(packet, 1280), undefined)
})

test('an answer is a packet within its limit, and is itself never answered', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 2000 }), fc.nat(255), (isIpv4, payload, protocol) => {
      const [source, destination] = isIpv4 ? ENDS4 : ENDS6
      const packet = buildIpPacket({
        source: ipBytes(address(source)),
        destination: ipBytes(address(destination)),
        protocol,
        payload,
      })
      const answer = buildTooBig(packet, 1280)
      if (answer === undefined) return
      assert.ok(answer.length <= (isIpv4 ? 576 : 1280))
      assert.ok(new PacketView().read(answer, 0, answer.length))
      assert.equal(buildTooBig(answer, 1280), undefined)
    }),
  )
})

test('any bytes are answered or not, without an error', () => {
  fc.assert(
    fc.property(fc.constantFrom(0x45, 0x60), fc.uint8Array({ maxLength: 100 }), (first, body) => {
      buildTooBig(Uint8Array.of(first, ...body), 1280)
    }),
  )
})

function udp([source, destination]: readonly [string, string], length: number): Uint8Array {
  const payload = new Uint8Array(length - (source.includes(':') ? 40 : 20)).map((_, i) => i)
  return buildIpPacket({
    source: ipBytes(address(source)),
    destination: ipBytes(address(destination)),
    protocol: 17,
    payload,
  })
}

function icmp([source, destination]: readonly [string, string], type: number): Uint8Array {
  const message = new Uint8Array(1400)
  message[0] = type
  return buildIcmpPacket(ipBytes(address(source)), ipBytes(address(destination)), message)
}

function address(text: string): IpAddress {
  const parsed = parseIp(text)
  assert.ok(parsed !== undefined)
  return parsed
}
