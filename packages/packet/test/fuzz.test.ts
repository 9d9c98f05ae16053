import assert from 'node:assert/strict'
import { fuzz, icmpPacket, ipPacket, mutateBytes, tcpPacket, udpPacket } from '@weft/testing'
import { buildTooBig, isIcmpError, PacketView, readEchoReply } from '../src/index.ts'

const four = { source: '100.64.0.1', destination: '100.64.0.2' }
const six = { source: 'fd00::1', destination: 'fd00::2' }
const hopByHop = Uint8Array.of(44, 0, 1, 4, 0, 0, 0, 0)
const fragment = Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 7)

const valid = [
  udpPacket(four),
  udpPacket(six),
  tcpPacket({ ...four, flags: 2 }),
  tcpPacket({ ...six, flags: 16 }),
  icmpPacket({ ...four, type: 0 }),
  icmpPacket({ ...six, type: 129 }),
  icmpPacket({ ...four, type: 3, body: udpPacket(four) }),
  icmpPacket({ ...six, type: 1, body: udpPacket(six) }),
  ipPacket(six, 0, Uint8Array.of(...hopByHop, ...fragment, ...new Uint8Array(16))),
]

fuzz({
  name: 'a tunnel packet',
  mutate: mutateBytes,
  scene: () => {
    const view = new PacketView()
    return {
      valid,
      read(input) {
        const echo = readEchoReply(input)
        const tooBig = buildTooBig(input, 1280)
        if (tooBig !== undefined) {
          assert.ok(tooBig.length <= 1280 && view.read(tooBig, 0, tooBig.length) && isIcmpError(view))
        }
        const isQuoted = view.readQuoted(input, 0, input.length)
        if (!view.read(input, 0, input.length)) {
          assert.ok(echo === undefined && tooBig === undefined, 'nothing comes of a malformed packet')
          return isQuoted ? 'cut' : 'malformed'
        }
        assert.ok(isQuoted, 'a whole packet may be quoted')
        assertWithin(view, input)
        return echo === undefined ? `ipv${view.version}` : 'echo'
      },
    }
  },
  reaches: ['ipv4', 'ipv6', 'echo', 'cut', 'malformed'],
  sources: ['packet/src/packet-view.ts', 'packet/src/icmp-error.ts', 'packet/src/echo.ts', 'packet/src/ip-header.ts'],
})

function assertWithin(view: PacketView, input: Uint8Array): void {
  const end = view.transportOffset + view.transportLength
  assert.ok(view.totalLength <= input.length && end <= view.totalLength, 'nothing lies behind the packet')
  assert.ok(view.sourcePort <= 0xffff && view.destinationPort <= 0xffff)
}
