import assert from 'node:assert/strict'
import { concatBytes, runOf } from '@weft/base'
import type { NodeId } from '@weft/keys'
import { buildEchoRequest, ICMP4_ECHO_REPLY } from '@weft/packet'
import { addressOf, icmpPacket } from '../test-packets.ts'
import {
  ALICE4,
  allowAll,
  BOB,
  BOB4,
  CAROL,
  CAROL4,
  claimOf,
  expectHolds,
  fromAlice,
  fromBob,
  fromBob6,
  type MakeHarness,
  MTU,
  prefixes,
} from './scene.ts'

const RELAY = 'b'.repeat(32) as NodeId
const REJECT_AFTER_MESSAGES = 2n ** 64n - 2n ** 13n - 1n

/** What becomes of transport data. */
export function inboundClaims(make: MakeHarness): void {
  claimOf(make, 'a datagram of a session is opened and delivered without its padding', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    scene.h.receive(bob.seal(fromBob6(2)))
    await scene.expectDelivered(fromBob6(2))
  })

  claimOf(make, 'datagrams that overtake each other are all delivered, once', async (scene) => {
    const bob = await scene.connectBob()
    for (const counter of [5n, 3n, 4n]) {
      scene.h.receive(bob.seal(fromBob(Number(counter)), counter))
      await scene.expectDelivered(fromBob(Number(counter)))
    }
    scene.h.receive(bob.seal(fromBob(3), 3n))
    await scene.expectDrops('replayed')
    scene.h.receive(bob.seal(fromBob(6), 6n))
    await scene.expectDelivered(fromBob(6))
  })

  claimOf(make, 'a replayed datagram is counted, and nothing else', async (scene) => {
    const bob = await scene.connectBob()
    const datagram = bob.seal(fromBob(1))
    scene.h.receive(datagram)
    await scene.expectDelivered(fromBob(1))
    const before = scene.h.meter(BOB)
    scene.h.receive(datagram)
    await scene.expectDrops('replayed')
    assert.deepEqual(scene.h.meter(BOB), before)
  })

  claimOf(make, 'an unknown receiver index is counted', async (scene) => {
    await scene.connectBob()
    scene.h.receive(scene.farEnd(8).seal(fromBob(1)))
    await scene.expectDrops('unknown-receiver')
  })

  claimOf(make, 'a tampered datagram changes nothing, and the true one still passes', async (scene) => {
    const bob = await scene.connectBob()
    const datagram = bob.seal(fromBob(1))
    for (const at of [8, 16, datagram.length - 1]) {
      const tampered = datagram.slice()
      tampered[at] = (tampered[at] ?? 0) ^ 1
      scene.h.receive(tampered)
    }
    await scene.expectDrops('not-authentic', 3)
    assert.equal(scene.h.meter(BOB).receivedBytes, 0)
    scene.h.receive(datagram)
    await scene.expectDelivered(fromBob(1))
  })

  claimOf(make, 'transport data too short for a header and a tag is malformed', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(fromBob(1)).slice(0, 31))
    await scene.expectDrops('malformed-datagram')
  })

  claimOf(make, 'a counter beyond the last one is refused', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(fromBob(1), REJECT_AFTER_MESSAGES))
    await scene.expectDrops('counter-exhausted')
    scene.h.receive(bob.seal(fromBob(2), REJECT_AFTER_MESSAGES - 1n))
    await scene.expectDelivered(fromBob(2))
  })

  claimOf(make, 'a sealed packet that is no packet is malformed', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(new Uint8Array(64).fill(0x77)))
    scene.h.receive(bob.seal(fromBob(1).slice(0, 16)))
    await scene.expectDrops('malformed-packet', 2)
  })

  claimOf(make, 'a peer cannot send from an address that is not its own', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(icmpPacket({ source: CAROL4, destination: ALICE4, type: 8 })))
    await scene.expectDrops('source-not-allowed')
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
  })

  claimOf(make, 'a prefix that moves to another peer moves at once, in both directions', async (scene) => {
    const bob = await scene.connectBob()
    const carol = scene.farEnd(8)
    await scene.tell(
      { kind: 'add-peer', peer: CAROL },
      { kind: 'set-path', peer: CAROL, path: { route: scene.direct(scene.h.other), mtu: MTU } },
      { kind: 'install-session', peer: CAROL, session: carol.session() },
      { kind: 'set-allowed-ips', peer: CAROL, prefixes: prefixes('10.9.0.0/24') },
    )
    scene.h.portPacket(fromAlice(1))
    await scene.expectSealed(bob, fromAlice(1))
    await scene.tell({ kind: 'set-allowed-ips', peer: CAROL, prefixes: prefixes(`${BOB4}/32`) })
    scene.h.portPacket(fromAlice(2))
    await scene.expectSealed(carol, fromAlice(2), scene.h.other)
    scene.h.receive(bob.seal(fromBob(3)))
    await scene.expectDrops('source-not-allowed')
    scene.h.receive(carol.seal(fromBob(4)))
    await scene.expectDelivered(fromBob(4))
  })

  claimOf(make, 'a removed peer is gone with its sessions and prefixes', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'remove-peer', peer: BOB })
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDrops('unknown-receiver')
    scene.h.portPacket(fromAlice(1))
    await scene.expectDrops('no-peer')
  })

  claimOf(make, 'a peer number that is used again begins anew', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    await scene.tell({ kind: 'remove-peer', peer: BOB })
    await scene.addBob()
    assert.equal(scene.h.meter(BOB).receivedBytes, 0)
    scene.h.portPacket(fromAlice(2))
    await scene.h.takeReport('session-wanted')
  })

  claimOf(make, 'a sealed datagram that came by relay is delivered', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'receive-relayed', relay: RELAY, run: runOf(bob.seal(fromBob(1))) })
    await scene.expectDelivered(fromBob(1))
  })

  claimOf(make, 'of a run that came by relay each datagram stands for itself', async (scene) => {
    const bob = await scene.connectBob()
    const [first, forged, last] = [fromBob(1), fromBob(2), fromBob(3)].map((packet) => bob.seal(packet))
    assert.ok(first && forged && last)
    forged[20] = (forged[20] ?? 0) ^ 1
    const run = { bytes: concatBytes(first, forged, last), stride: first.length }
    await scene.tell({ kind: 'receive-relayed', relay: RELAY, run })
    await scene.expectDelivered(fromBob(1))
    await scene.expectDelivered(fromBob(3))
    await scene.expectDrops('not-authentic')
  })

  claimOf(make, 'an echo reply that begins with the token goes up, others to the packet port', async (scene) => {
    const bob = await scene.connectBob()
    const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const replyWith = (data: Uint8Array) =>
      icmpPacket({ source: BOB4, destination: ALICE4, type: ICMP4_ECHO_REPLY, identifier: 77, body: data })
    const request = buildEchoRequest({
      source: addressOf(ALICE4),
      destination: addressOf(BOB4),
      identifier: 77,
      sequence: 0,
      data: token,
    })
    await scene.tell(
      { kind: 'set-filter', rules: [] },
      { kind: 'expect-echo', token },
      { kind: 'send-packet', packet: request },
    )
    expectHolds(bob, await scene.h.takeDatagram(), request)
    const ours = replyWith(Uint8Array.of(...token, 9))
    const foreign = replyWith(Uint8Array.of(...token.slice(0, 7), 9))
    scene.h.receive(bob.seal(foreign))
    await scene.expectDelivered(foreign)
    scene.h.receive(bob.seal(ours))
    const echo = await scene.h.takeReport('echo')
    assert.deepEqual([echo.peer, echo.packet], [BOB, ours])
  })

  filterClaims(make)
}

function filterClaims(make: MakeHarness): void {
  claimOf(make, 'without a rule only what was asked for comes in', async (scene) => {
    const bob = await scene.connectBob()
    await scene.tell({ kind: 'set-filter', rules: [] })
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDrops('filtered-in')
    scene.h.portPacket(fromAlice(2))
    await scene.expectSealed(bob, fromAlice(2))
    scene.h.receive(bob.seal(fromBob(3)))
    await scene.expectDelivered(fromBob(3))
  })

  claimOf(make, 'a new flow is told once, with the reason that let it in', async (scene) => {
    const bob = await scene.connectBob()
    for (const tag of [1, 2]) {
      scene.h.receive(bob.seal(fromBob(tag)))
      await scene.expectDelivered(fromBob(tag))
    }
    const { flow } = await scene.h.takeReport('flow')
    const { at: _, ...rest } = flow
    assert.deepEqual(rest, {
      peer: BOB,
      direction: 'in',
      protocol: 17,
      source: BOB4,
      sourcePort: 5000,
      destination: ALICE4,
      destinationPort: 5000,
      reason: 'all',
    })
    await scene.tell()
    assert.equal(scene.h.untaken('flow'), 0)
  })

  claimOf(make, 'a flow that begins here is told without a reason', async (scene) => {
    await scene.connectBob()
    scene.h.portPacket(fromAlice(1))
    const { flow } = await scene.h.takeReport('flow')
    assert.deepEqual([flow.direction, flow.destination, flow.reason], ['out', BOB4, undefined])
  })

  claimOf(make, 'a withdrawn rule cuts the flows that it had let in', async (scene) => {
    const bob = await scene.connectBob()
    scene.h.receive(bob.seal(fromBob(1)))
    await scene.expectDelivered(fromBob(1))
    await scene.tell({ kind: 'set-filter', rules: [] })
    scene.h.receive(bob.seal(fromBob(2)))
    await scene.expectDrops('filtered-in')
    await scene.tell({ kind: 'set-filter', rules: [allowAll] })
    scene.h.receive(bob.seal(fromBob(3)))
    await scene.expectDelivered(fromBob(3))
  })
}
