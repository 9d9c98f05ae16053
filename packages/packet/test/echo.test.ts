import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, type IpAddress, parseIp } from '@weft/base'
import { buildEchoRequest, checksum, pseudoHeaderSum, putUint16, readEchoReply } from '@weft/packet'
import fc from 'fast-check'

test('an echo request is in every byte as worked out by hand', () => {
  // Header, addresses, ICMP message; the checksums are 26d7 and d5b6.
  const request = buildEchoRequest({
    source: address('10.0.0.1'),
    destination: address('10.0.0.2'),
    identifier: 0x1234,
    sequence: 1,
    data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  })
  const expected = fromHex('4500002400004000400126d70a0000010a0000020800d5b6123400010102030405060708')
  assert.deepEqual(request, expected)
})

test('an echo request of either family has right checksums', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 99 }), fc.nat(0xffff), (isIpv4, data, identifier) => {
      const request = requestBetween(isIpv4, { data, identifier })
      if (isIpv4) {
        assert.equal(checksum(request, 0, 20), 0)
        assert.equal(checksum(request, 20, 8 + data.length), 0)
      } else {
        const length = 8 + data.length
        assert.equal(checksum(request, 40, length, pseudoHeaderSum(request, 0, 58, length)), 0)
      }
    }),
  )
})

test('the reply to a request is read as it was sent', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 99 }), fc.nat(0xffff), (isIpv4, data, identifier) => {
      const reply = replyTo(requestBetween(isIpv4, { data, identifier }))
      assert.deepEqual(readEchoReply(reply), { identifier, sequence: 9, data })
    }),
  )
})

test('a request, a damaged reply and a cut reply are no replies', () => {
  for (const isIpv4 of [true, false]) {
    const request = requestBetween(isIpv4, { data: new Uint8Array(20).fill(7), identifier: 5 })
    assert.equal(readEchoReply(request), undefined)
    const reply = replyTo(request)
    assert.equal(readEchoReply(reply.slice(0, -1)), undefined)
    const damaged = reply.slice()
    damaged[reply.length - 1] = 8
    assert.equal(readEchoReply(damaged), undefined)
  }
})

function requestBetween(isIpv4: boolean, fields: { data: Uint8Array; identifier: number }): Uint8Array {
  const [source, destination] = isIpv4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2']
  return buildEchoRequest({ source: address(source), destination: address(destination), sequence: 9, ...fields })
}

/** What the other end makes of it: a system would also swap the addresses, which changes no checksum. */
function replyTo(request: Uint8Array): Uint8Array {
  const reply = request.slice()
  const isIpv4 = request[0] === 0x45
  const at = isIpv4 ? 20 : 40
  reply[at] = isIpv4 ? 0 : 129
  putUint16(reply, at + 2, 0)
  const length = reply.length - at
  putUint16(reply, at + 2, checksum(reply, at, length, isIpv4 ? 0 : pseudoHeaderSum(reply, 0, 58, length)))
  return reply
}

function address(text = ''): IpAddress {
  const parsed = parseIp(text)
  assert.ok(parsed !== undefined)
  return parsed
}
