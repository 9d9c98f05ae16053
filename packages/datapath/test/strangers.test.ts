import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, milliseconds, parsePrefix } from '@weft/base'
import { DROP_REASONS, RING_SLOT_BYTES } from '@weft/datapath'
import { type NodeId, PrivateKey } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import { FarEnd, HARNESS_SOCKET, seededRandom, udpPacket } from '@weft/testing'
import { mac1KeyOf, type PeerIndex } from '@weft/wireguard'
import fc from 'fast-check'
import { PortableHarness } from './portable-harness.ts'

const BOB = 1 as PeerIndex
const EVERYWHERE = [parsePrefix('0.0.0.0/0'), parsePrefix('::/0')].filter((prefix) => prefix !== undefined)
const publicKey = PrivateKey.generate('node', seededRandom(1)).publicKey(portableCrypto)

test('whatever a stranger sends changes nothing and is counted once', () => {
  const scene = connected()
  const { harness } = scene
  fc.assert(
    fc.property(datagramFrom(scene.seen), (datagram) => {
      const meter = harness.meter(BOB)
      const before = accountedFor(harness)
      harness.receive(datagram, harness.other)
      harness.clock.advance(milliseconds(1))
      assert.equal(accountedFor(harness), before + 1)
      assert.deepEqual(harness.meter(BOB), meter)
      assert.deepEqual([harness.sent.length, harness.delivered.length], [0, 0])
      assert.deepEqual(harness.reports.filter(isAboutSessions), [])
    }),
    { numRuns: 5000 },
  )
  assertStillWorks(scene)
})

test('the same by relay and from the packet port changes nothing either', () => {
  const scene = connected()
  const { harness } = scene
  const relay = 'd'.repeat(32) as NodeId
  fc.assert(
    fc.property(datagramFrom(scene.seen), fc.uint8Array({ maxLength: 100 }), (datagram, packet) => {
      const meter = harness.meter(BOB)
      const before = accountedFor(harness)
      harness.tell({ kind: 'receive-relayed', relay, datagram })
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

test('sealed rubbish of a peer reaches the packet port only as whole packets from its own addresses', () => {
  const { harness, end } = connected()
  const prefix = parsePrefix('10.9.0.2/32')
  assert.ok(prefix !== undefined)
  harness.tell({ kind: 'set-allowed-ips', peer: BOB, prefixes: [prefix] })
  const honest = udpPacket({ source: '10.9.0.2', destination: '10.9.0.1' })
  fc.assert(
    fc.property(mutated([honest, new Uint8Array(60).fill(0x45)]), (packet) => {
      harness.delivered.length = 0
      harness.receive(end.seal(packet))
      harness.clock.advance(milliseconds(1))
      for (const delivered of harness.delivered) {
        assert.ok(delivered.length <= packet.length + 15)
        assert.deepEqual([...delivered.slice(12, 16)], [10, 9, 0, 2])
      }
    }),
    { numRuns: 2000 },
  )
})

interface Connected {
  readonly harness: PortableHarness
  readonly end: FarEnd
  /** What has crossed the wire already. */
  readonly seen: readonly Uint8Array[]
}

/** Bob's session is in use, and another one that alice answered waits for its first packet. */
function connected(): Connected {
  const harness = new PortableHarness()
  const rejectAfter = (harness.now() + 1e9) as Instant
  const end = new FarEnd({ role: 'initiator', localIndex: 7, rejectAfter })
  const next = new FarEnd({ role: 'responder', localIndex: 8, rejectAfter })
  harness.tell({ kind: 'set-local-keys', keys: [publicKey] })
  harness.tell({ kind: 'add-peer', peer: BOB })
  harness.tell({ kind: 'set-allowed-ips', peer: BOB, prefixes: EVERYWHERE })
  harness.tell({
    kind: 'set-filter',
    rules: [{ reason: 'all', sources: EVERYWHERE, destinations: EVERYWHERE, protocol: 'any' }],
  })
  const route = { kind: 'direct', socket: HARNESS_SOCKET, remote: harness.remote } as const
  harness.tell({ kind: 'set-path', peer: BOB, path: { route, mtu: 1280 } })
  harness.tell({ kind: 'install-session', peer: BOB, session: end.session() })
  harness.tell({ kind: 'install-session', peer: BOB, session: next.session() })
  const transport = end.seal(udpPacket({ source: '10.9.0.2', destination: '10.9.0.1' }))
  const keepalive = end.seal(new Uint8Array(0))
  for (const datagram of [transport, keepalive]) harness.receive(datagram)
  harness.delivered.length = 0
  harness.reports.length = 0
  return { harness, end, seen: [transport, keepalive, handshake(1, 148), handshake(2, 92), cookieReply()] }
}

function assertStillWorks({ harness, end }: Connected): void {
  harness.handle({ kind: 'beat' })
  const packet = udpPacket({ source: '10.9.0.2', destination: '10.9.0.1', data: new Uint8Array(3) })
  harness.receive(end.seal(packet, 1000n))
  assert.deepEqual(harness.delivered.at(-1), packet)
  const back = udpPacket({ source: '10.9.0.1', destination: '10.9.0.2' })
  harness.portPacket(back)
  assert.equal(harness.sent.at(-1)?.to, harness.remote)
  const opened = end.open(harness.sent.at(-1)?.datagram ?? new Uint8Array(32))
  assert.deepEqual(opened?.padded.slice(0, back.length), back)
}

/** Every datagram is either dropped for a reason or goes up. */
function accountedFor(harness: PortableHarness): number {
  const drops = harness.drops()
  const dropped = DROP_REASONS.filter((reason) => !OUTWARD.has(reason)).reduce((sum, reason) => sum + drops[reason], 0)
  return dropped + harness.untaken('handshake') + harness.untaken('datagram')
}

const OUTWARD: ReadonlySet<string> = new Set(['not-ip', 'no-peer', 'too-big', 'filtered-out'])

const isAboutSessions = ({ kind }: { readonly kind: string }): boolean => kind !== 'handshake' && kind !== 'datagram'

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

function handshake(type: number, length: number): Uint8Array {
  const message = new Uint8Array(length)
  seededRandom(type).fill(message)
  message.set([type, 0, 0, 0])
  const mac1 = portableCrypto.blake2sMac(mac1KeyOf(publicKey, portableCrypto), message.subarray(0, length - 32))
  message.set(mac1, length - 32)
  return message
}

function cookieReply(): Uint8Array {
  const reply = new Uint8Array(64).fill(9)
  reply.set([3, 0, 0, 0])
  return reply
}
