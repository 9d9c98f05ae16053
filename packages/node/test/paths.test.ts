import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '@weft/base'
import { answerStun } from '@weft/traversal'
import type { Machine } from './simulated-network.ts'
import { RELAY } from './test-mesh.ts'
import { kinds, lostIn, pair, STUN } from './two-sites.ts'

test('the first packet goes by relay at once, and the path becomes direct within a second', () => {
  const { alice, bob } = pair('port-restricted', 'port-restricted')
  const first = alice.ping('bob', 400)
  assert.ok(first.kind === 'reply' && first.rttMs < 300)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
})

test('nothing is lost or doubled while the path becomes direct', () => {
  const { alice, bob, network } = pair('port-restricted', 'full-cone')
  const outcomes: string[] = []
  for (let i = 0; i < 100; i++) {
    alice.tell({ kind: 'ping', token: i, peer: 'bob', timeout: 2_000 as never })
    network.run(10)
  }
  network.run(1_000)
  for (const output of alice.outputsOf('ping-answer')) outcomes.push(output.outcome.kind)
  assert.deepEqual(outcomes, Array(100).fill('reply'))
  assert.equal(bob.packets.length, 100)
})

test('ten minutes idle say nothing, change no path, and the first packet after them arrives at once', () => {
  const { alice, bob, network } = pair('port-restricted', 'port-restricted')
  alice.ping('bob', 2_000)
  network.run(40_000)
  const changes = changesOf(alice, bob)
  let said = 0
  network.onSent = () => said++
  for (let second = 0; second < 600; second += 5) {
    network.run(5_000)
    for (const machine of [alice, bob]) machine.wake()
  }
  // Two handshakes may end what was begun before.
  assert.ok(said <= 8, `${said} datagrams`)
  assert.equal(changesOf(alice, bob), changes)
  const first = alice.ping('bob', 300)
  assert.equal(first.kind, 'reply')
  network.run(1_000)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
})

test('a path that is cut under traffic gives way within a second, both ways, and comes back when it is healed', () => {
  const { alice, bob, network } = pair('port-restricted', 'port-restricted')
  alice.ping('bob', 2_000)
  network.isCut = true
  const lost = lostIn(alice, network, 4_000)
  assert.ok(lost < 1_500, `${lost} ms`)
  assert.deepEqual(kinds(alice, bob), ['relayed', 'relayed'])
  network.isCut = false
  lostIn(alice, network, 8_000)
  assert.deepEqual(kinds(alice, bob), ['direct', 'direct'])
})

test('a path that fails again and again is not taken back at the first answer', () => {
  const { alice, bob, network } = pair('port-restricted', 'port-restricted')
  alice.ping('bob', 2_000)
  for (let i = 0; i < 12; i++) {
    network.isCut = i % 2 === 0
    lostIn(alice, network, 1_500)
  }
  assert.ok(changesOf(alice, bob) <= 16, `${changesOf(alice, bob)} changes`)
})

test('without a relay a path that is cut is used again as soon as it is healed', () => {
  const { alice, bob, network } = pair('open', 'open', { relay: false })
  alice.ping('bob', 2_000)
  network.isCut = true
  lostIn(alice, network, 10_000)
  network.isCut = false
  network.run(1_000)
  assert.equal(alice.ping('bob').kind, 'reply')
  assert.equal(alice.pathTo('bob')?.kind, 'direct')
  assert.equal(bob.pathTo('alice')?.kind, 'direct')
})

test('a relay that goes away leaves a direct path as it is, and is missed where there is none', () => {
  const direct = pair('port-restricted', 'port-restricted')
  direct.alice.ping('bob', 2_000)
  for (const machine of [direct.alice, direct.bob]) machine.setRelay('away')
  direct.network.isRelayUp = false
  assert.equal(lostIn(direct.alice, direct.network, 3_000), 0)
  const relayed = pair('symmetric', 'symmetric')
  relayed.alice.ping('bob', 2_000)
  assert.deepEqual(kinds(relayed.alice, relayed.bob), ['relayed', 'relayed'])
  relayed.network.isRelayUp = false
  lostIn(relayed.alice, relayed.network, 3_000)
  assert.ok(relayed.alice.outputsOf('doubt-relay').some(({ relay }) => relay === RELAY))
})

test('who asks STUN is told once that all answers have come, and at once where there is nobody to ask', () => {
  const { alice, network, mesh } = pair('port-restricted', 'open')
  const settled = () => alice.outputsOf('stun-settled').length
  alice.tell({ kind: 'ask-stun' })
  assert.equal(settled(), 0)
  network.run(200)
  assert.equal(settled(), 1)
  assert.equal(alice.status().network.v4, 'easy')
  network.stunServers = []
  alice.tell({ kind: 'ask-stun' })
  network.run(2_900)
  assert.equal(settled(), 1)
  network.run(200)
  assert.equal(settled(), 2)
  alice.tell({ kind: 'stun-servers', mesh: mesh.mesh, servers: [] })
  alice.tell({ kind: 'ask-stun' })
  assert.equal(settled(), 3)
})

test('an answer of STUN that nobody asked for, or from elsewhere, or that tells a private address, changes nothing', () => {
  const { alice, network, mesh } = pair('port-restricted', 'open')
  const before = alice.status().self.endpoints
  const asked: Uint8Array[] = []
  network.stunServers = []
  network.onSent = (datagram) => asked.push(datagram)
  alice.tell({ kind: 'ask-stun' })
  const socket = 0 as never
  const hears = (datagram: Uint8Array | undefined, remote: string) =>
    alice.tell({
      kind: 'report',
      report: {
        kind: 'datagram',
        datagram: datagram ?? assert.fail(),
        path: { kind: 'direct', socket, remote: remote as Endpoint },
      },
    })
  const [question = assert.fail()] = asked
  const stranger = question.slice()
  stranger[9] = (stranger[9] ?? 0) ^ 1
  hears(answerStun(stranger, '198.51.100.66:1' as Endpoint), STUN[0] as string)
  hears(answerStun(question, '198.51.100.66:1' as Endpoint), '203.0.113.9:3478')
  hears(answerStun(question, '10.0.0.1:1' as Endpoint), STUN[0] as string)
  network.run(4_000)
  assert.ok(!alice.status().self.endpoints.some((endpoint) => /198\.51\.100\.66|10\.0\.0\.1/.test(endpoint)))
  assert.ok((alice.node.drops()['stun-unasked'] ?? 0) >= 2)
  assert.ok(before.length > 0 && mesh.devices.length === 2)
})

/** Of no other machine, or of machines that whoever tells of them may not have probed. */
const LIES = ['127.0.0.1', '0.0.0.0', '169.254.1.1', '224.0.0.1', '255.255.255.255', '100.80.0.1', '10.0.0.1']
const LIES_6 = ['[::1]', '[fe80::1]', '[ff02::1]']

for (const lie of LIES)
  test(`a STUN server that tells ${lie} is not believed, and nobody is told of it`, () => {
    const { alice, network } = pair('port-restricted', 'open')
    const asked: Uint8Array[] = []
    network.stunServers = []
    network.onSent = (datagram) => asked.push(datagram)
    alice.tell({ kind: 'ask-stun' })
    const [question = assert.fail()] = asked
    const datagram = answerStun(question, `${lie}:7481` as Endpoint) ?? assert.fail()
    const path = { kind: 'direct', socket: 0 as never, remote: STUN[0] as Endpoint } as const
    alice.tell({ kind: 'report', report: { kind: 'datagram', datagram, path } })
    network.run(4_000)
    assert.ok(!alice.status().self.endpoints.some((endpoint) => endpoint.startsWith(lie)))
    assert.equal(alice.node.drops()['stun-unasked'], 1)
  })

test('loopback, link-local, multicast and the mesh’s own addresses are never sent to, whoever names them', () => {
  const { alice, bob, network, mesh } = pair('open', 'open')
  const own = bob.status().self.addresses.map((address) => (address.includes(':') ? `[${address}]` : address))
  const never = [...LIES.slice(0, -1), ...LIES_6, ...own].map((address) => `${address}:7481`)
  mesh.endpoints.set(bob.device.id, never as Endpoint[])
  const sent = new Set<string>()
  network.onSent = (_datagram, to) => sent.add(to)
  alice.tellNetmap(mesh)
  alice.ping('bob', 5_000)
  network.run(10_000)
  assert.deepEqual(
    never.filter((endpoint) => sent.has(endpoint)),
    [],
  )
  assert.equal(alice.pathTo('bob')?.kind, 'direct')
})

test('probes of strangers, altered ones and replays are counted, and never answered', () => {
  const { alice, bob, network } = pair('open', 'open')
  const probes: Uint8Array[] = []
  network.onSent = (datagram, to) => {
    if (datagram[0] === 0x77 && to === '198.18.2.2:7481') probes.push(datagram)
  }
  alice.ping('bob', 2_000)
  network.run(1_000)
  const [probe = assert.fail()] = probes
  let answers = 0
  network.onSent = (_datagram, to) => {
    if (to === '203.0.113.66:7481') answers++
  }
  const from = { kind: 'direct', socket: 0 as never, remote: '203.0.113.66:7481' as Endpoint } as const
  const altered = probe.slice()
  altered[60] = (altered[60] ?? 0) ^ 1
  const strange = probe.slice()
  strange[10] = (strange[10] ?? 0) ^ 1
  for (const datagram of [probe, altered, strange])
    bob.tell({ kind: 'report', report: { kind: 'datagram', datagram, path: from } })
  network.run(2_000)
  assert.equal(answers, 0)
  const drops = bob.node.drops()
  assert.deepEqual([drops['probe-replayed'], drops['probe-forged'], drops['probe-unknown-sender']], [1, 1, 1])
})

const changesOf = (...machines: readonly Machine[]): number =>
  machines.flatMap((machine) => machine.outputsOf('log')).filter(({ event }) => event === 'path changed').length
