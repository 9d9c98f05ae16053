import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapStatistics } from 'node:v8'
import { type Instant, instant, type Prefix } from '@weft/base'
import { nativeCrypto, sessionCiphers } from '@weft/crypto'
import {
  DROPS_BYTES,
  FORWARDER_SCRATCH_BYTES,
  Forwarder,
  METERS_BYTES,
  PACKET_SLOT_BYTES,
  type SocketId,
} from '@weft/datapath'
import { Arena } from '@weft/native'
import { type PacketParts, VIRTIO_HEADER } from '@weft/packet'
import type { PeerIndex, TransportSession } from '@weft/wireguard'
import { type BigPacket, bigPacket, virtioHeaderOf } from '../../../packages/packet/test/big-packet.ts'

const PEER = 0 as PeerIndex
const NOW = 1000.5 as Instant
const IN_HAND = 16
/** Bytes. V8 counts what it allocates by whole areas, and a few calls allocate for each run. */
const LEAST_OBJECT = 16

/** One end of a tunnel without any I/O: in an arena with the other end, which takes what it sends where it lies. */
class End {
  readonly arena: Arena
  readonly slot: number
  readonly forwarder: Forwarder
  other: End | undefined
  datagrams = 0
  deliveries = 0

  constructor(arena: Arena) {
    this.arena = arena
    this.slot = arena.take(PACKET_SLOT_BYTES)
    const scratch = this.arena.take(FORWARDER_SCRATCH_BYTES)
    this.forwarder = new Forwarder({
      memory: this.arena.bytes,
      scratch,
      crypto: nativeCrypto,
      cipher: sessionCiphers(this.arena),
      meters: new ArrayBuffer(METERS_BYTES),
      drops: new ArrayBuffer(DROPS_BYTES),
      joins: 'tcp-udp',
      outlet: {
        send: (runs) => {
          const to = this.other as End
          for (let run = 0; run < runs.count; run++) {
            const bytes = runs.bytes(run)
            const stride = runs.stride(run)
            for (let at = 0; at < bytes; at += stride) {
              to.forwarder.fromSocket(runs.offset(run) + at, Math.min(stride, bytes - at), NOW)
              this.datagrams += 1
            }
            to.forwarder.flush()
          }
          return 0
        },
        deliver: () => {
          this.deliveries += 1
          return true
        },
        deliverParts: (parts: PacketParts) => {
          this.deliveries += parts.count
          return true
        },
        report: () => undefined,
        offer: () => true,
        origin: () => ({ kind: 'relayed', relay: '' as never }),
        follow: () => undefined,
      },
    })
  }

  begin(session: TransportSession): void {
    const { forwarder } = this
    forwarder.command({ kind: 'add-peer', peer: PEER }, NOW)
    forwarder.command({ kind: 'set-allowed-ips', peer: PEER, prefixes: ['0.0.0.0/0', '::/0'] as Prefix[] }, NOW)
    const route = { kind: 'direct', socket: 0 as SocketId, remote: '192.0.2.1:1' as never } as const
    forwarder.command({ kind: 'set-path', peer: PEER, path: { route, mtu: 1420 } }, NOW)
    const everywhere = ['0.0.0.0/0', '::/0'] as Prefix[]
    const rule = { reason: 'all', sources: everywhere, destinations: everywhere, protocol: 'any' } as const
    forwarder.command({ kind: 'set-filter', rules: [rule] }, NOW)
    forwarder.command({ kind: 'install-session', peer: PEER, session }, NOW)
  }

  /** As a TUN gives it. */
  take(big: BigPacket): void {
    const packet = bigPacket(big)
    virtioHeaderOf(big).write(this.arena.bytes, this.slot + IN_HAND - VIRTIO_HEADER)
    this.arena.bytes.set(packet, this.slot + IN_HAND)
    this.length = packet.length
  }

  length = 0

  pass(): void {
    this.forwarder.fromVirtioPort(this.slot + IN_HAND - VIRTIO_HEADER, VIRTIO_HEADER + this.length, NOW)
    this.forwarder.flush()
  }
}

function twoEnds(): readonly [End, End] {
  const arena = new Arena(2 * (PACKET_SLOT_BYTES + FORWARDER_SCRATCH_BYTES) + 64, true)
  const [alice, bob] = [new End(arena), new End(arena)]
  alice.other = bob
  bob.other = alice
  const [there, back] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const common = { rekeyAfter: undefined, rekeyAfterReceiving: undefined, rejectAfter: instant(1e9) }
  bob.begin({ ...common, role: 'responder', localIndex: 2, remoteIndex: 1, sendKey: back, receiveKey: there })
  alice.begin({ ...common, role: 'initiator', localIndex: 1, remoteIndex: 2, sendKey: there, receiveKey: back })
  return [alice, bob]
}

for (const [kind, big] of [
  ['super-packets', { version: 4, protocol: 'tcp', segmentSize: 1368, data: new Uint8Array(60_000), flags: 0x10 }],
  ['small packets', { version: 6, protocol: 'udp', segmentSize: 64, data: new Uint8Array(640) }],
] as const satisfies readonly (readonly [string, BigPacket])[])
  test(`${kind} pass through both ends with less than an object each`, () => {
    const [alice, bob] = twoEnds()
    alice.take(big)
    const pass = (packets: number): void => {
      for (const until = alice.datagrams + packets; alice.datagrams < until; ) alice.pass()
    }
    const allocated = (): number => {
      const before = { bytes: getHeapStatistics().total_allocated_bytes, datagrams: alice.datagrams }
      pass(60_000)
      const bytes = getHeapStatistics().total_allocated_bytes - before.bytes
      return bytes / (alice.datagrams - before.datagrams)
    }
    pass(100_000)
    // What V8 compiles meanwhile is counted too, and comes when it comes: an allocation of ours would be in each of them.
    const least = Math.min(...Array.from({ length: 4 }, allocated))
    assert.equal(bob.deliveries, alice.datagrams)
    assert.ok(least < LEAST_OBJECT, `${least} bytes a packet`)
  })
