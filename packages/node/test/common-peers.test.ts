/*
 * No coordinator, no relay, no STUN: what nodes find out from each other alone.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Endpoint } from '@weft/base'
import { NAT_KINDS, SimulatedInternet } from '@weft/testing'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { seededRandom, TestMesh } from './test-mesh.ts'

const PINGS = 20

describe('two nodes that have other addresses both', () => {
  it('find each other by a peer that both know', () => {
    for (const idle of [0, 120_000]) {
      const { alice, bob, network } = scene(['alice', 'bob', 'carol'])
      network.run(idle)
      moveBoth(alice, bob)
      assert.ok(isReached(alice, 'bob'))
      assert.equal(pathOf(alice, 'bob'), '198.51.100.2:7481')
    }
  })

  it('do not without one', () => {
    const { alice, bob } = scene(['alice', 'bob'])
    moveBoth(alice, bob)
    assert.ok(!isReached(alice, 'bob'))
  })

  it('find each other on their LAN', () => {
    const { alice, bob, network } = scene(['alice', 'bob'])
    network.isLan = true
    moveBoth(alice, bob)
    assert.ok(isReached(alice, 'bob'))
  })

  it('find each other behind new NATs, which a common peer tells them of', () => {
    const { alice, bob, network } = scene(['alice', 'bob', 'carol'])
    const internet = new SimulatedInternet(seededRandom(3))
    network.internet = internet
    internet.place('carol', undefined, ['192.0.2.3'] as never)
    for (const [machine, number] of [
      [alice, 1],
      [bob, 2],
    ] as const) {
      const outside = `203.0.113.${number}` as never
      const site = { kind: NAT_KINDS['port-restricted'], outside, hairpin: false, blocksUdp: false }
      internet.place(machine.device.name, site, ['192.168.1.7'] as never)
      machine.readdress(['192.168.1.7'])
    }
    assert.ok(isReached(alice, 'bob'))
    assert.match(pathOf(alice, 'bob') ?? '', /^203\.0\.113\.2:/)
  })
})

function scene(names: readonly string[]) {
  const mesh = new TestMesh()
  const network = new SimulatedNetwork()
  const machines = names.map((name, i) => {
    const device = mesh.addDevice(name)
    mesh.endpoints.set(device.id, [`192.0.2.${i + 1}:7481`] as Endpoint[])
    return new Machine(network, device, [`192.0.2.${i + 1}`], i + 1)
  })
  mesh.grants = [{ reason: 'own device', account: mesh.accountOf('ann'), protocol: 'any' }]
  for (const machine of machines) machine.start(mesh, mesh.netmapFor(machine.device))
  for (const machine of machines)
    for (const name of names) if (name !== machine.device.name) assert.equal(machine.ping(name, 1_000).kind, 'reply')
  const [alice, bob, carol] = machines as [Machine, Machine, Machine | undefined]
  return { alice, bob, carol, mesh, network }
}

function moveBoth(alice: Machine, bob: Machine): void {
  alice.readdress(['198.51.100.1'])
  bob.readdress(['198.51.100.2'])
}

/** What is sent before a path is found is lost. */
const isReached = (from: Machine, name: string): boolean =>
  Array.from({ length: PINGS }).some(() => from.ping(name, 500).kind === 'reply')

function pathOf(machine: Machine, name: string): string | undefined {
  const path = machine.pathTo(name)
  return path?.kind === 'direct' ? path.endpoint : path?.kind
}
