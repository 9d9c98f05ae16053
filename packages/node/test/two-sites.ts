/*
 *   alice ── router ──┐
 *                     ├─ internet, with a relay and STUN
 *   bob   ── router ──┘
 */
import type { Endpoint, IpAddress } from '@weft/base'
import { NAT_KINDS, type NatName, SimulatedInternet, type SimulatedSite } from '@weft/testing'
import { Machine, SimulatedNetwork } from './simulated-network.ts'
import { RELAY, SECOND_RELAY, seededRandom, TestMesh } from './test-mesh.ts'

export const STUN = ['203.0.113.1:3478', '203.0.113.1:3479'] as Endpoint[]

/** Two machines that know each other, each behind a router of its kind. */
export function pair(a: NatName, b: NatName, options: { readonly relay?: boolean; readonly relays?: 1 | 2 } = {}) {
  const mesh = new TestMesh()
  if (options.relays === 2) mesh.relays = [RELAY, SECOND_RELAY]
  const network = new SimulatedNetwork()
  const internet = new SimulatedInternet(seededRandom(5))
  network.internet = internet
  network.stunServers = STUN
  network.isRelayUp = options.relay ?? true
  mesh.grants = [{ reason: 'own device', account: mesh.accountOf('ann'), protocol: 'any' }]
  const [alice, bob] = [a, b].map((nat, i) => {
    const name = i === 0 ? 'alice' : 'bob'
    const site: SimulatedSite = {
      kind: NAT_KINDS[nat],
      outside: `198.51.100.${i + 1}` as IpAddress,
      hairpin: false,
      blocksUdp: false,
    }
    const address = site.kind.mapping === 'none' ? `198.18.${i + 1}.2` : '192.168.1.2'
    const machine = new Machine(network, mesh.addDevice(name), [address], i + 1)
    internet.place(name, site, machine.addresses)
    machine.start(mesh)
    for (const relay of network.isRelayUp ? mesh.relays : []) machine.setRelay('connected', relay)
    machine.tell({ kind: 'stun-servers', mesh: mesh.mesh, servers: STUN })
    return machine
  }) as [Machine, Machine]
  network.run(4_000)
  for (const machine of [alice, bob]) mesh.endpoints.set(machine.device.id, machine.status().self.endpoints)
  for (const machine of [alice, bob]) machine.tellNetmap(mesh)
  return { alice, bob, network, mesh }
}

/** Sends 100 packets a second; for how many ms of them there was no answer. */
export function lostIn(from: Machine, network: SimulatedNetwork, milliseconds: number): number {
  const before = from.outputsOf('ping-answer').length
  for (let i = 0; i < milliseconds / 10; i++) {
    from.tell({ kind: 'ping', token: i, peer: 'bob', timeout: 500 as never })
    network.run(10)
  }
  network.run(600)
  const outcomes = from.outputsOf('ping-answer').slice(before)
  return outcomes.filter(({ outcome }) => outcome.kind !== 'reply').length * 10
}

/** Of the paths in use, both ways. */
export const kinds = (alice: Machine, bob: Machine) => [alice.pathTo('bob')?.kind, bob.pathTo('alice')?.kind]
