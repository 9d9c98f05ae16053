/*
 *   alice ── lan ── router ──┐
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘
 */
import assert from 'node:assert/strict'
import { NAT_KINDS, type NatName } from '@weft/testing'
import {
  endsUp,
  Internet,
  LabMesh,
  labTest,
  type MeshNode,
  pathKind,
  readdress,
  twoSites,
  until,
} from '../src/index.ts'

const timeout = 120_000

for (const [a, b] of [
  ['port-restricted', 'port-restricted'],
  ['full-cone', 'symmetric'],
  ['address-restricted', 'symmetric'],
  ['firewall', 'port-restricted'],
] as const) {
  labTest(
    `behind ${a} and ${b}, the first packet arrives and the path becomes direct`,
    async (lab) => {
      const { alice, bob } = await twoSites(lab, a, b)
      assert.equal(await alice.ping(bob.v4), 0)
      const { code, stderr } = await alice.machine.weft('ping', '--until-direct', '-i', '0.2', '-c', '50', 'bob')
      assert.equal(code, 0, stderr)
      await endsUp(bob, alice, 'direct')
      assert.equal(JSON.parse(await alice.machine.weftOk('netcheck', '--json')).v4, mappingOf(a))
      assert.equal(JSON.parse(await bob.machine.weftOk('netcheck', '--json')).v4, mappingOf(b))
    },
    { timeout },
  )
}

/** As netcheck calls it. */
function mappingOf(nat: NatName): string {
  const { mapping } = NAT_KINDS[nat]
  return mapping === 'none' ? 'none' : mapping === 'endpoint-independent' ? 'easy' : 'hard'
}

for (const [a, b] of [
  ['symmetric', 'symmetric'],
  ['symmetric', 'port-restricted'],
] as const) {
  labTest(
    `behind ${a} and ${b}, packets go by relay`,
    async (lab) => {
      const { alice, bob } = await twoSites(lab, a, b)
      assert.equal(await alice.ping(bob.v4), 0)
      assert.equal(await alice.ping(bob.v6, 20, 0.1), 0)
      assert.equal(await pathKind(alice, bob), 'relayed')
      assert.equal(await pathKind(bob, alice), 'relayed')
      const { code, stderr } = await alice.machine.weft('ping', '--until-direct', '-i', '0.2', '-c', '2', 'bob')
      assert.deepEqual([code, /reached by relay only/.test(stderr)], [1, true])
    },
    { timeout },
  )
}

labTest(
  'two behind one NAT meet on their LAN, whether it bends packets back or not',
  async (lab) => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'))
    for (const hairpin of [false, true]) {
      const site = await internet.site(`one${hairpin ? 'y' : 'n'}`, { nat: 'symmetric', hairpin })
      const name = (side: string) => `${side}${hairpin ? 'y' : 'n'}`
      const [a, b] = await mesh.joinAll(await site.host(name('a')), await site.host(name('b')))
      assert.equal(await a.ping(b.v4), 0)
      // What the router bends back may be proven first; the LAN's own takes its place.
      const meetOnLan = async () => {
        assert.equal(await a.ping(b.v4), 0)
        const { peers } = await a.status()
        return /^192\.168\.1\./.test(peers.find((peer) => peer.name === b.name)?.path.endpoint ?? '')
      }
      await until('they meet on their LAN', meetOnLan, { timeout: 60_000 })
    }
  },
  { timeout },
)

labTest(
  'where UDP is blocked, all goes by relay, and netcheck says so',
  async (lab) => {
    const { alice, bob } = await twoSites(lab, { nat: 'port-restricted', blocksUdp: true }, 'open')
    assert.equal(await alice.ping(bob.v4, 10, 0.1), 0)
    assert.equal(await pathKind(alice, bob), 'relayed')
    assert.match(await alice.machine.weftOk('netcheck'), /UDP does not come back[\s\S]*All goes by relay/)
  },
  { timeout },
)

labTest(
  'with IPv6 only, behind firewalls, the path is direct by IPv6',
  async (lab) => {
    const { alice, bob } = await twoSites(lab, { nat: 'firewall', v6Only: true }, { nat: 'firewall', v6Only: true })
    assert.equal(await alice.ping(bob.v4), 0)
    await endsUp(alice, bob, 'direct')
    const { peers } = await alice.status()
    assert.match(peers.find((peer) => peer.name === bob.name)?.path.endpoint ?? '', /^\[2001:db8:/)
  },
  { timeout },
)

labTest(
  'behind a carrier’s NAT and a home’s, the path is direct where both keep their ports',
  async (lab) => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'))
    const carrier = await internet.site('carrier', { nat: 'port-restricted', lan: '100.64.7.0/24' })
    const home = await internet.site('home', { nat: 'port-restricted', behind: carrier })
    const other = await internet.site('other', { nat: 'port-restricted' })
    const [alice, bob] = await mesh.joinAll(await home.host('alice'), await other.host('bob'))
    assert.equal(await alice.ping(bob.v4), 0)
    await endsUp(alice, bob, 'direct')
  },
  { timeout },
)

const EVERY_MS = 50
/** Twice what a user should notice at most; a loaded machine takes its time. */
const MOST_LOST = 60

/** Pings go on while something happens to the network; how many were lost in all. */
async function lostWhile(from: MeshNode, to: MeshNode, happens: () => Promise<void>): Promise<number> {
  const ping = from.machine.spawn('ping', '-n', '-i', String(EVERY_MS / 1000), '-c', '160', to.v4)
  await ping.line(/icmp_seq=20 /)
  await happens()
  await ping.exited
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(ping.lines.join('\n')) ?? []
  return Number(sent) - Number(received)
}

labTest(
  'a direct path that is cut under traffic gives way to the relay, and comes back when it is healed',
  async (lab, context) => {
    const { alice, bob, left } = await twoSites(lab, 'port-restricted', 'port-restricted')
    await endsUp(alice, bob, 'direct')
    await endsUp(bob, alice, 'direct')
    const cut = await lostWhile(alice, bob, async () => {
      await left.router.ok('nft', 'insert rule inet guard through meta l4proto udp drop')
    })
    context.diagnostic(`path cut: ${cut * EVERY_MS} ms without answers`)
    assert.ok(cut <= MOST_LOST, `${cut} lost`)
    assert.equal(await pathKind(alice, bob), 'relayed')
    assert.equal(await pathKind(bob, alice), 'relayed')
    await left.router.ok('nft', 'flush chain inet guard through')
    await endsUp(alice, bob, 'direct')
  },
  { timeout },
)

labTest(
  'another address of one machine, and then of both, interrupts hardly anything',
  async (lab, context) => {
    const { alice, bob } = await twoSites(lab, 'port-restricted', 'port-restricted')
    await endsUp(alice, bob, 'direct')
    const one = await lostWhile(alice, bob, () => readdress(alice, 77))
    context.diagnostic(`one readdressed: ${one * EVERY_MS} ms without answers`)
    assert.ok(one <= MOST_LOST, `${one} lost`)
    await endsUp(alice, bob, 'direct')
    const both = await lostWhile(alice, bob, async () => {
      await Promise.all([readdress(alice, 88), readdress(bob, 88)])
    })
    context.diagnostic(`both readdressed: ${both * EVERY_MS} ms without answers`)
    assert.ok(both <= 2 * MOST_LOST, `${both} lost`)
    await endsUp(alice, bob, 'direct')
  },
  { timeout },
)

labTest(
  'with coordinator and relay gone, a direct path goes on',
  async (lab) => {
    const { mesh, alice, bob } = await twoSites(lab, 'port-restricted', 'port-restricted')
    await endsUp(alice, bob, 'direct')
    const lost = await lostWhile(alice, bob, async () => mesh.machine.kill())
    assert.equal(lost, 0)
    assert.equal(await pathKind(alice, bob), 'direct')
  },
  { timeout },
)
