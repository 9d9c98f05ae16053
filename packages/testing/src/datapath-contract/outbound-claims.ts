import assert from 'node:assert/strict'
import type { NodeId } from '@weft/keys'
import { onesSum, PROTOCOL_TCP, pseudoHeaderSum, uint16At, uint32At } from '@weft/packet'
import { tcpPacket, udpPacket } from '../test-packets.ts'
import {
  ALICE4,
  ALICE6,
  BOB,
  BOB4,
  BOB6,
  CAROL4,
  claimOf,
  expectHolds,
  fromAlice,
  fromAlice6,
  fromBob,
  type MakeHarness,
  MTU,
} from './scene.ts'

const RELAY = 'a'.repeat(32) as NodeId
const HEADER_AND_TAG = 32

/** What becomes of a packet from this machine. */
export function outboundClaims(make: MakeHarness): void {
  claimOf(make, 'a packet for a peer is sealed with its session and goes along its path', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
  })

  claimOf(make, 'an IPv6 packet is sealed as an IPv4 packet is', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.portPacket(fromAlice6(1))
    await scene.expectSealed(bob, fromAlice6(1))
  })

  claimOf(make, 'counters begin with 0 and go up by one', async (scene) => {
    const bob = await scene.connectBob()
    for (const counter of [0n, 1n, 2n]) {
      scene.h.portPacket(fromAlice(1))
      assert.equal(await scene.expectSealed(bob, fromAlice(1)), counter)
    }
  })

  claimOf(make, 'packets are padded to a multiple of 16, but not beyond what the path carries', async (scene) => {
    const bob = await scene.connectBob()
    for (const [length, padded] of [
      [28, 32],
      [32, 32],
      [1405, 1408],
      [1409, MTU],
      [MTU, MTU],
    ] as const) {
      const packet = packetOf(ALICE4, BOB4, length)
      scene.h.portPacket(packet)
      const datagram = await scene.h.takeDatagram()
      assert.equal(datagram.length, padded + HEADER_AND_TAG)
      expectHolds(bob, datagram, packet)
    }
  })

  claimOf(make, 'a packet for no peer, and what is no packet, go nowhere', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.portPacket(packetOf(ALICE4, CAROL4, 40))
    await scene.expectDrops('no-peer')
    scene.h.portPacket(new Uint8Array(40).fill(0x15))
    await scene.expectDrops('not-ip')
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
  })

  claimOf(make, 'a TCP packet without all of its header is not sent', async (scene) => {
    await scene.connectBob()
    const packet = tcpPacket({ source: ALICE4, destination: BOB4, flags: 2 }).slice(0, 36)
    packet[3] = packet.length
    scene.h.portPacket(packet)
    await scene.expectDrops('filtered-out')
  })

  claimOf(make, 'with a session but no path packets are dropped', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: undefined })
    scene.h.portPacket(fromAlice(1))
    await scene.expectDrops('no-path')
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu: MTU } })
    scene.h.portPacket(fromAlice(2))
    await scene.expectSealed(bob, fromAlice(2))
  })

  claimOf(make, 'a new path is taken from the next packet on', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(scene.h.other), mtu: MTU } })
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1), scene.h.other)
  })

  claimOf(make, 'an IPv4 packet too big for the path is answered with how big one may be', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu: 1280 } })
    scene.h.portPacket(packetOf(ALICE4, BOB4, 1281))
    const answer = await scene.h.takePortPacket()
    assert.deepEqual([...answer.slice(20, 22)], [3, 4])
    assert.equal(uint16At(answer, 26), 1280)
    await scene.expectDrops('too-big')
    scene.h.portPacket(packetOf(ALICE4, BOB4, 1280))
    await scene.expectSealed(bob, packetOf(ALICE4, BOB4, 1280))
  })

  claimOf(make, 'an IPv6 packet too big for the path is answered with how big one may be', async (scene) => {
    await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu: 1280 } })
    scene.h.portPacket(packetOf(ALICE6, BOB6, 1281))
    const answer = await scene.h.takePortPacket()
    assert.deepEqual([...answer.slice(40, 42)], [2, 0])
    assert.equal(uint32At(answer, 44), 1280)
    await scene.expectDrops('too-big')
  })

  claimOf(make, 'TCP data too big for the path are cut, and nobody is told', async (scene) => {
    const bob = await scene.connectBob()
    for (const [source, destination, mtu] of [
      [ALICE4, BOB4, 1280],
      [ALICE6, BOB6, 1280],
      [ALICE6, BOB6, 1200],
    ] as const) {
      await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu } })
      const data = Uint8Array.from({ length: 1340 }, (_, i) => i)
      scene.h.portPacket(tcpPacket({ source, destination, flags: 0x18, sequence: 1000, data }))
      const headers = source === ALICE4 ? 40 : 60
      const first = mtu - headers
      for (const [sequence, part, flags] of [
        [1000, data.subarray(0, first), 0x10],
        [1000 + first, data.subarray(first), 0x18],
      ] as const) {
        const datagram = await scene.h.takeDatagram()
        const packet = bob.open(datagram)?.padded.slice(0, headers + part.length) ?? assert.fail()
        assert.equal(uint32At(packet, headers - 16), sequence)
        assert.equal(packet[headers - 7], flags)
        assert.deepEqual(packet.slice(headers), part)
        const length = 20 + part.length
        const pseudo = pseudoHeaderSum(packet, 0, PROTOCOL_TCP, length)
        assert.equal(onesSum(packet, headers - 20, length, pseudo), 0xffff)
      }
    }
    assert.equal(scene.h.drops()['too-big'], 0)
  })

  claimOf(make, 'what begins a connection is never cut', async (scene) => {
    await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu: 1280 } })
    const data = new Uint8Array(1300)
    scene.h.portPacket(tcpPacket({ source: ALICE4, destination: BOB4, flags: 2, data }))
    await scene.expectDrops('too-big')
  })

  claimOf(make, 'IPv6 up to its least MTU is sent, whatever the path is said to carry', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu: 1200 } })
    for (const length of [1200, 1201, 1279, 1280]) {
      scene.h.portPacket(packetOf(ALICE6, BOB6, length))
      await scene.expectSealed(bob, packetOf(ALICE6, BOB6, length))
    }
    scene.h.portPacket(packetOf(ALICE6, BOB6, 1281))
    await scene.expectDrops('too-big')
  })

  claimOf(make, 'a staged packet too big for the path that was found is answered too', async (scene) => {
    await scene.addBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: undefined })
    scene.h.portPacket(packetOf(ALICE4, BOB4, 1400))
    await scene.h.takeReport('session-wanted')
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: scene.direct(), mtu: 1280 } })
    await scene.install(scene.farEnd(7))
    const answer = await scene.h.takePortPacket()
    assert.deepEqual([...answer.slice(20, 22)], [3, 4])
    await scene.expectDrops('too-big')
  })

  claimOf(make, 'by a relayed path the sealed datagram goes up', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-path', peer: BOB, path: { route: { kind: 'relayed', relay: RELAY }, mtu: MTU } })
    scene.h.portPacket(fromAlice(1))
    const report = await scene.h.takeReport('relayed')
    assert.deepEqual([report.relay, report.peer], [RELAY, BOB])
    expectHolds(bob, report.run.bytes, fromAlice(1))
  })

  claimOf(make, 'a packet of the node goes the way of those from the packet port', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'send-packet', packet: fromAlice(1) })
    await scene.expectSealed(bob, fromAlice(1))
  })

  claimOf(make, 'a keepalive is an empty sealed packet', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'send-keepalive', peer: BOB })
    const datagram = await scene.h.takeDatagram()
    assert.equal(datagram.length, HEADER_AND_TAG)
    assert.equal(bob.open(datagram)?.padded.length, 0)
  })

  claimOf(make, 'while the node is silent no packet passes either way', async (scene) => {
    const bob = await scene.connectBob()
    await scene.h.fallSilent()
    scene.h.portPacket(fromAlice(1))
    await scene.expectDrops('node-silent')
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDrops('node-silent', 2)
    assert.equal(scene.h.meter(BOB).receivedBytes, 0)
  })
}

function packetOf(source: string, destination: string, length: number): Uint8Array {
  const headers = source.includes(':') ? 48 : 28
  return udpPacket({ source, destination, data: new Uint8Array(length - headers) })
}
