import assert from 'node:assert/strict'
import { test } from 'node:test'
import { udpPacket } from '@weft/testing'
import type { Machine, SimulatedNetwork } from './simulated-network.ts'
import { kinds, lostIn, pair } from './two-sites.ts'

test('a direct path carries 1420 as soon as a probe of that size was answered, each way by itself', () => {
  const { alice, bob, network } = pair('port-restricted', 'port-restricted')
  alice.ping('bob', 400)
  network.run(600)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
  assert.deepEqual([mtuOf(alice), mtuOf(bob)], [1420, 1420])
  assert.ok(passes(alice, bob, 1420, network))
  assert.ok(passes(bob, alice, 1420, network))
})

test('by relay every packet of the interface passes from the first on', () => {
  const { alice, bob, network } = pair('symmetric', 'symmetric')
  alice.ping('bob', 400)
  assert.deepEqual(kinds(alice, bob), ['relayed', 'relayed'])
  assert.ok(passes(alice, bob, 1420, network))
})

test('what the path carries only in fragments is not proven, and still passes while it is being found out', () => {
  const { alice, bob, network } = pair('open', 'open')
  network.mtu = 1400
  alice.ping('bob', 1_000)
  assert.equal(lostIn(alice, network, 2_000), 0)
  // 28 of IPv4 and UDP, 32 of the tunnel.
  assert.equal(mtuOf(alice), 1340)
  assert.ok(passes(alice, bob, 1340, network))
  assert.ok(!passes(alice, bob, 1341, network))
  const told = tooBigIn(alice)
  assert.equal(told, 1340)
})

test('a network whose MTU is the least of IPv6 carries what it must', () => {
  const { alice, bob, network } = pair('open', 'open')
  network.mtu = 1340
  network.isBlackHole = true
  alice.ping('bob', 2_000)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
  assert.equal(mtuOf(alice), 1280)
  assert.ok(passes(alice, bob, 1280, network))
})

test('also a network that carries less, and says so to nobody, is used as far as it goes', () => {
  const { alice, bob, network } = pair('open', 'open')
  network.mtu = 1300
  network.isBlackHole = true
  alice.ping('bob', 2_000)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
  assert.equal(mtuOf(alice), 1240)
  assert.ok(passes(alice, bob, 1240, network))
  assert.ok(!passes(alice, bob, 1241, network))
  assert.equal(tooBigIn(alice), 1240)
})

test('a hole that opens under traffic is noticed within a second and a half, and the path stays direct', () => {
  const { alice, bob, network } = pair('port-restricted', 'port-restricted')
  alice.ping('bob', 2_000)
  assert.equal(mtuOf(alice), 1420)
  network.mtu = 1380
  network.isBlackHole = true
  for (let i = 0; i < 15; i++) passes(alice, bob, 1420, network, 100)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
  assert.equal(mtuOf(alice), 1320)
  assert.ok(passes(alice, bob, 1320, network))
})

test('a hole under traffic that small packets answer is noticed by the next heartbeat', () => {
  const { alice, network } = pair('port-restricted', 'port-restricted')
  alice.ping('bob', 2_000)
  network.mtu = 1380
  network.isBlackHole = true
  assert.equal(lostIn(alice, network, 8_000), 0)
  assert.equal(mtuOf(alice), 1320)
})

test('probes of sizes are answered by less than they are, and end', () => {
  const { alice, network } = pair('port-restricted', 'port-restricted')
  network.mtu = 1380
  const long: number[] = []
  network.onSent = (datagram) => {
    if (datagram[0] === 0x77 && datagram.length > 1_000) long.push(datagram.length)
  }
  alice.ping('bob', 1_000)
  lostIn(alice, network, 3_000)
  const count = long.length
  assert.ok(count > 2 && count <= 2 * 25, `${count} long probes`)
  assert.ok(long.every((length) => length <= 1452))
})

const mtuOf = (machine: Machine): number | undefined => {
  const path = machine.pathTo(machine.device.name === 'alice' ? 'bob' : 'alice')
  return path?.kind === 'direct' || path?.kind === 'relayed' ? path.mtu : undefined
}

/** Whether a tunnel packet of so many bytes arrives. */
function passes(from: Machine, to: Machine, bytes: number, network: SimulatedNetwork, within = 200): boolean {
  const before = to.packets.length
  const ends = { source: from.device.address4, destination: to.device.address4 }
  from.sendPacket(udpPacket({ ...ends, data: new Uint8Array(bytes - 28) }))
  network.run(within)
  return to.packets.slice(before).some((packet) => packet.length === bytes)
}

/** The MTU that the interface was last told by "fragmentation needed". */
function tooBigIn(machine: Machine): number | undefined {
  const errors = machine.packets.filter((packet) => packet[9] === 1 && packet[20] === 3 && packet[21] === 4)
  const last = errors.at(-1)
  return last && new DataView(last.buffer, last.byteOffset).getUint16(26)
}
