import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, type Prefix, parsePrefix } from '@weft/base'
import { type FilterRule, PacketFilter, VERDICT_ACCEPT_KNOWN, VERDICT_ACCEPT_NEW, VERDICT_DROP } from '@weft/filter'
import { putUint16 } from '@weft/packet'
import { icmpPacket, ipPacket, tcpPacket, udpPacket } from '@weft/testing'
import fc from 'fast-check'
import { type Outcome, type PlainPacket, SlowFilter } from './slow-filter.ts'

const LOCAL = '10.9.0.1'
const REMOTE = '10.9.0.2'
const LOCAL6 = 'fd00::1'
const REMOTE6 = 'fd00::2'
const SYN = 2
const RST = 4
const ACK = 16
const outcomes: Readonly<Record<number, Outcome>> = {
  [VERDICT_ACCEPT_KNOWN]: 'known',
  [VERDICT_ACCEPT_NEW]: 'new',
  [VERDICT_DROP]: 'drop',
}

test('it judges as the slow filter does, whatever packets, times and rules come', () => {
  const step = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ packet: plainPacket(), way: fc.constantFrom('in' as const, 'out' as const) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ pass: fc.constantFrom(1000, 9999, 10_000, 30_000, 60_000, 180_000, 7_440_000) }),
    },
    { weight: 1, arbitrary: fc.record({ rules: fc.array(filterRule(), { maxLength: 4 }) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const filter = new Filter()
      const slow = new SlowFilter()
      for (const [i, each] of steps.entries()) {
        if ('pass' in each) filter.now += each.pass
        else if ('rules' in each) {
          filter.core.setRules(each.rules)
          slow.setRules(each.rules)
        } else {
          const expected = slow.judge(each.packet, each.way, filter.now)
          assert.equal(filter.judge(bytesOf(each.packet, each.way), each.way), expected, `step ${i}`)
        }
      }
    }),
    { numRuns: 400 },
  )
})

test('a new flow tells the reason of the first rule that accepts it', () => {
  const filter = new Filter([
    rule({ reason: 'web', protocol: 'tcp', ports: { first: 80, last: 80 } }),
    rule({ reason: 'all of udp', protocol: 'udp' }),
  ])
  assert.equal(filter.in(udpPacket({ source: REMOTE, destination: LOCAL })), 'new')
  assert.equal(filter.core.lastReason(), 'all of udp')
  assert.equal(filter.in(tcpPacket({ source: REMOTE, destination: LOCAL, destinationPort: 80, flags: SYN })), 'new')
  assert.equal(filter.core.lastReason(), 'web')
})

test('rules of 10,000 hosts accept each of them and no other', () => {
  const hosts = Array.from({ length: 10_000 }, (_, i) => `100.64.${(i * 2) >> 8}.${(i * 2) & 255}`)
  const hosts6 = hosts.map((_, i) => `fd00::${(i * 2).toString(16)}:1`)
  const filter = new Filter([rule({ sources: prefixes(...hosts, ...hosts6) })])
  for (const i of [0, 1, 4999, 9998, 9999]) {
    assert.equal(filter.in(udpPacket({ source: hosts[i] ?? '', destination: LOCAL })), 'new')
    assert.equal(filter.in(udpPacket({ source: hosts6[i] ?? '', destination: LOCAL6 })), 'new')
    assert.equal(filter.in(udpPacket({ source: `fd00::${(i * 2 + 1).toString(16)}:1`, destination: LOCAL6 })), 'drop')
  }
  assert.equal(filter.in(udpPacket({ source: '100.64.0.1', destination: LOCAL })), 'drop')
  assert.equal(filter.in(udpPacket({ source: '100.64.255.255', destination: LOCAL })), 'drop')
})

test('an ICMP error passes when it quotes what its receiver sent in a known flow', () => {
  for (const [local, remote, router, type, protocolHeader] of [
    [LOCAL, REMOTE, '198.51.100.1', 3, 20],
    [LOCAL6, REMOTE6, '2001:db8::99', 1, 40],
  ] as const) {
    const filter = new Filter()
    const sent = udpPacket({ source: local, destination: remote })
    const error = (quoted: Uint8Array, destination: string = local) =>
      filter.in(icmpPacket({ source: router, destination, type, body: quoted.slice(0, protocolHeader + 8) }))
    assert.equal(error(sent), 'drop')
    assert.equal(filter.out(sent), 'new')
    assert.equal(error(sent), 'known')
    assert.equal(error(udpPacket({ source: local, destination: remote, destinationPort: 10 })), 'drop')
    assert.equal(error(udpPacket({ source: remote, destination: local })), 'drop')
    assert.equal(error(sent, local === LOCAL ? '10.9.0.7' : 'fd00::7'), 'drop')
    assert.equal(error(sent.slice(0, protocolHeader + 3)), 'drop')
  }
})

test('an ICMP error about a ping that we sent passes; a redirect does not', () => {
  const filter = new Filter()
  const ping = icmpPacket({ source: LOCAL, destination: REMOTE, type: 8, identifier: 5 })
  assert.equal(filter.out(ping), 'new')
  assert.equal(filter.in(icmpPacket({ source: REMOTE, destination: LOCAL, type: 11, body: ping })), 'known')
  assert.equal(filter.in(icmpPacket({ source: REMOTE, destination: LOCAL, type: 5, body: ping })), 'drop')
})

test('ICMP that belongs to no flow is judged by the rules each time and begins none', () => {
  const timestamp = icmpPacket({ source: REMOTE, destination: LOCAL, type: 13 })
  const filter = new Filter([rule({ protocol: 'icmp' })])
  assert.equal(filter.in(timestamp), 'known')
  filter.core.setRules([])
  assert.equal(filter.in(timestamp), 'drop')
})

test('later fragments pass behind their first one, for 30 s', () => {
  const filter = new Filter([rule({ protocol: 'udp' })])
  const [first, later] = fragments({ identification: 7, flags: 0 })
  assert.equal(filter.in(later), 'drop')
  assert.equal(filter.in(first), 'new')
  assert.equal(filter.in(later), 'known')
  assert.equal(filter.in(fragments({ identification: 8, flags: 0 })[1]), 'drop')
  filter.now += 30_000
  assert.equal(filter.in(later), 'drop')
})

test('fragments behind a first one that is dropped are dropped', () => {
  const filter = new Filter()
  const [first, later] = fragments({ identification: 7, flags: 0 })
  assert.equal(filter.in(first), 'drop')
  assert.equal(filter.in(later), 'drop')
})

test('a withdrawn rule also cuts packets of which fragments are under way', () => {
  const filter = new Filter([rule({ protocol: 'udp' })])
  const [first, later] = fragments({ identification: 7, flags: 0 })
  assert.equal(filter.in(first), 'new')
  filter.core.setRules([])
  assert.equal(filter.in(later), 'drop')
})

test('a later fragment that could overwrite the ports is dropped', () => {
  const filter = new Filter([rule({ protocol: 'udp' })])
  assert.equal(filter.in(fragments({ identification: 7, flags: 0 })[0]), 'new')
  const overlapping = fragments({ identification: 7, flags: 0 })[1]
  putUint16(overlapping, 6, 1)
  assert.equal(filter.in(overlapping), 'drop')
  putUint16(overlapping, 6, 3)
  assert.equal(filter.in(overlapping), 'known')
})

test('what goes out in fragments passes, and what answers it comes in', () => {
  const filter = new Filter()
  const sent = udpPacket({ source: LOCAL, destination: REMOTE })
  putUint16(sent, 6, 0x2000)
  assert.equal(filter.out(sent), 'new')
  putUint16(sent, 6, 100)
  assert.equal(filter.out(sent), 'known')
  assert.equal(
    filter.in(udpPacket({ source: REMOTE, destination: LOCAL, sourcePort: 9, destinationPort: 40_000 })),
    'known',
  )
})

test('packets without all of their upper layer’s header pass in no direction', () => {
  const filter = new Filter([rule({})])
  for (const [protocol, length] of [
    [6, 19],
    [17, 7],
    [1, 7],
  ] as const) {
    assert.equal(filter.in(ipPacket({ source: REMOTE, destination: LOCAL }, protocol, new Uint8Array(length))), 'drop')
    assert.equal(filter.out(ipPacket({ source: LOCAL, destination: REMOTE }, protocol, new Uint8Array(length))), 'drop')
  }
})

test('a protocol without ports is a flow by its addresses', () => {
  const filter = new Filter()
  const gre = (source: string, destination: string) => ipPacket({ source, destination }, 47, new Uint8Array(8))
  assert.equal(filter.out(gre(LOCAL, REMOTE)), 'new')
  assert.equal(filter.in(gre(REMOTE, LOCAL)), 'known')
  assert.equal(filter.in(gre('10.9.0.3', LOCAL)), 'drop')
  filter.now += 180_000
  assert.equal(filter.in(gre(REMOTE, LOCAL)), 'drop')
})

test('a rule that comes back under another number keeps its flows', () => {
  const tcp = rule({ reason: 'tcp', protocol: 'tcp' })
  const filter = new Filter([tcp])
  const segment = tcpPacket({ source: REMOTE, destination: LOCAL, flags: ACK })
  assert.equal(filter.in(segment), 'new')
  filter.core.setRules([rule({ protocol: 'udp' }), tcp])
  assert.equal(filter.in(segment), 'known')
  filter.core.setRules([rule({ protocol: 'udp' })])
  assert.equal(filter.in(segment), 'drop')
})

test('what still trickles in does not keep a connection that was reset', () => {
  const filter = new Filter()
  const segment = (flags: number) => tcpPacket({ source: REMOTE, destination: LOCAL, destinationPort: 40_000, flags })
  assert.equal(
    filter.out(tcpPacket({ source: LOCAL, destination: REMOTE, destinationPort: 40_000, flags: SYN })),
    'new',
  )
  assert.equal(filter.in(segment(RST)), 'known')
  filter.now += 6_000
  assert.equal(filter.in(segment(ACK)), 'known')
  filter.now += 6_000
  assert.equal(filter.in(segment(ACK)), 'drop')
})

test('any bytes are judged without an error', () => {
  const filter = new Filter([rule({ protocol: 'icmp' })])
  fc.assert(
    fc.property(
      fc.constantFrom(0x45, 0x46, 0x60),
      fc.uint8Array({ maxLength: 120 }),
      fc.boolean(),
      (first, body, fits) => {
        const packet = Uint8Array.of(first, ...body)
        if (fits && packet.length > 40) putUint16(packet, first < 0x60 ? 2 : 4, packet.length - (first < 0x60 ? 0 : 40))
        filter.in(packet)
        filter.out(packet)
      },
    ),
    { numRuns: 2000 },
  )
})

class Filter {
  readonly core = new PacketFilter()
  now = 1_000

  constructor(rules: readonly FilterRule[] = []) {
    this.core.setRules(rules)
  }

  in(packet: Uint8Array): Outcome {
    return this.judge(packet, 'in')
  }

  out(packet: Uint8Array): Outcome {
    return this.judge(packet, 'out')
  }

  judge(packet: Uint8Array, way: 'in' | 'out'): Outcome {
    const now = this.now as Instant
    const judged = way === 'in' ? 'inbound' : 'outbound'
    return outcomes[this.core[judged](packet, 0, packet.length, now)] ?? 'drop'
  }
}

function rule(fields: Partial<FilterRule>): FilterRule {
  const everywhere = prefixes('0.0.0.0/0', '::/0')
  return { reason: 'rule', sources: everywhere, destinations: everywhere, protocol: 'any', ...fields }
}

function prefixes(...texts: readonly string[]): readonly Prefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text)
    assert.ok(prefix !== undefined, text)
    return prefix
  })
}

/** The first and the second of two IPv4 fragments. */
function fragments(fields: { readonly identification: number; readonly flags: number }): [Uint8Array, Uint8Array] {
  const first = udpPacket({ source: REMOTE, destination: LOCAL, data: new Uint8Array(24) })
  const later = ipPacket({ source: REMOTE, destination: LOCAL }, 17, new Uint8Array(24))
  for (const packet of [first, later]) putUint16(packet, 4, fields.identification)
  putUint16(first, 6, 0x2000)
  putUint16(later, 6, 4)
  return [first, later]
}

const REMOTES = [REMOTE, '10.9.0.3', REMOTE6] as const
const PORTS = [1, 3] as const

function plainPacket(): fc.Arbitrary<PlainPacket> {
  const ends = fc.constantFrom(...REMOTES).map((remote) => ({ remote, local: remote === REMOTE6 ? LOCAL6 : LOCAL }))
  const ports = fc.record({ remotePort: fc.constantFrom(...PORTS), localPort: fc.constantFrom(...PORTS) })
  const flags = fc.constantFrom(SYN, SYN | ACK, ACK, ACK, ACK | 1, RST)
  return fc.oneof(
    fc.tuple(ends, ports, flags).map(([a, b, c]) => ({ protocol: 'tcp' as const, ...a, ...b, flags: c })),
    fc.tuple(ends, ports).map(([a, b]) => ({ protocol: 'udp' as const, ...a, ...b })),
    fc
      .tuple(ends, fc.boolean(), fc.nat(1))
      .map(([a, isRequest, identifier]) => ({ protocol: 'icmp' as const, ...a, isRequest, identifier })),
  )
}

function filterRule(): fc.Arbitrary<FilterRule> {
  const sources = fc.constantFrom(
    prefixes('10.9.0.0/24', 'fd00::/64'),
    prefixes('10.9.0.2/32'),
    prefixes('10.9.0.3/32', '10.9.0.0/30', 'fd00::2/128'),
    prefixes('0.0.0.0/0'),
  )
  const destinations = fc.constantFrom(prefixes('10.9.0.1/32', 'fd00::1/128'), prefixes('10.9.0.7/32'))
  const kind = fc.constantFrom<Pick<FilterRule, 'protocol' | 'ports'>>(
    { protocol: 'any' },
    { protocol: 'icmp' },
    { protocol: 'tcp' },
    { protocol: 'tcp', ports: { first: 1, last: 2 } },
    { protocol: 'udp', ports: { first: 3, last: 3 } },
  )
  return fc.tuple(sources, destinations, kind).map(([a, b, c]) => ({ ...rule({ sources: a, destinations: b }), ...c }))
}

function bytesOf(packet: PlainPacket, way: 'in' | 'out'): Uint8Array {
  const { remote, local } = packet
  const ends = way === 'in' ? { source: remote, destination: local } : { source: local, destination: remote }
  if (packet.protocol === 'icmp') {
    const request = local === LOCAL6 ? 128 : 8
    const reply = local === LOCAL6 ? 129 : 0
    return icmpPacket({ ...ends, type: packet.isRequest ? request : reply, identifier: packet.identifier })
  }
  const { remotePort, localPort } = packet
  const ports =
    way === 'in'
      ? { sourcePort: remotePort, destinationPort: localPort }
      : { sourcePort: localPort, destinationPort: remotePort }
  return packet.protocol === 'udp'
    ? udpPacket({ ...ends, ...ports })
    : tcpPacket({ ...ends, ...ports, flags: packet.flags })
}
