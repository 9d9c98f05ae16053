/*
 *   alice ── lan ── router ──┐            networks that are in the way, each in its own manner
 *                            ├─ internet ── dora, the coordinator with relay and STUN
 *   bob   ── lan ── router ──┘
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as pass } from 'node:timers/promises'
import {
  endsUp,
  Internet,
  type Lab,
  LabMesh,
  type LinkWeather,
  labTest,
  type MeshNode,
  pathKind,
  pathTo,
  type SiteOptions,
  twoSites,
  until,
} from '../src/index.ts'
import { program } from './programs/index.ts'

const timeout = 180_000
const PROXY_PORT = 3128
const MEGABYTE = 1024 * 1024
const SLEPT_MS = 60_000
const BACKOFF_MS = 20_000

labTest(
  'where IPv4 leads nowhere, all goes by IPv6',
  async (lab) => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'))
    const options: SiteOptions = { nat: 'port-restricted', v6: true }
    const [left, right] = [await internet.site('s0', options), await internet.site('s1', options)]
    for (const { router } of [left, right])
      await router.ok('nft', 'insert rule inet guard through meta nfproto ipv4 drop')
    const [alice, bob] = await mesh.joinAll(await left.host('alice'), await right.host('bob'))
    assert.equal(await alice.ping(bob.v4), 0)
    await endsUp(alice, bob, 'direct')
    assert.match((await pathTo(alice, bob))?.endpoint ?? '', /^\[2001:db8:/)
  },
  { timeout },
)

labTest(
  'where only a proxy leads out, to port 443, nodes join and talk through it',
  async (lab) => {
    const { mesh, alice, bob, proxy } = await proxied(lab)
    assert.equal(await alice.ping(bob.v4, 10, 0.1), 0)
    assert.equal(await pathKind(alice, bob), 'relayed')
    const { address } = mesh.machine
    assert.ok(proxy.lines.includes(`asked for ${address}:443`))
    assert.match(await alice.machine.weftOk('netcheck'), /All goes by relay/)
  },
  { timeout },
)

labTest(
  'a proxy that answers rubbish, or none where one is named, makes one clear line',
  async (lab) => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'), ['--no-node', '--listen', '0.0.0.0:443'], 443)
    const site = await internet.site('office', { nat: 'port-restricted' })
    const machine = await site.host('alice')
    const server = machine.spawn(...program('connect-proxy', PROXY_PORT, 'SSH-2.0-OpenSSH_9.2'))
    await server.line(/listening/)
    for (const [place, said] of [
      [
        `http://${machine.v4}:${PROXY_PORT}`,
        /the proxy \S+:3128 of HTTPS_PROXY answers what is no HTTP: check the address/,
      ],
      [`http://${machine.v4}:1`, /the proxy \S+:1 of HTTPS_PROXY cannot be used: nothing listens there/],
      ['socks5://nowhere', /HTTPS_PROXY is not understood: give http:\/\/HOST:PORT/],
    ] as const) {
      const { link } = await mesh.createLink()
      const { code, stderr } = await machine.weftWith({ env: { HTTPS_PROXY: place } }, 'up', link)
      assert.equal(code, 1)
      assert.match(stderr, said)
      await machine.weft('down')
    }
  },
  { timeout },
)

labTest(
  'a proxy that begins to answer rubbish is said once, asked ever more rarely, and used again when it is healed',
  async (lab, context) => {
    const { alice, bob, porter, proxy } = await proxied(lab)
    assert.equal(await alice.ping(bob.v4, 3), 0)
    await proxy.stop()
    const rubbish = porter.spawn(...program('connect-proxy', PROXY_PORT, 'SSH-2.0-OpenSSH_9.2'))
    await rubbish.line(/listening/)
    const said = /the proxy \S+:3128 of HTTPS_PROXY answers what is no HTTP: check the address/
    await until('coordinator and relay are away, for that reason', async () => {
      const { coordinator, relay } = await alice.status()
      return [coordinator?.reason, relay.relays[0]?.reason].every((reason) => said.test(reason ?? ''))
    })
    await pass(BACKOFF_MS)
    // Two who ask, each after 0.25 s at the least, then 0.5, 1, 2, 4, 8 and 15.
    const asked = rubbish.lines.filter((line) => line === 'answered').length
    context.diagnostic(`asked ${asked} times in ${BACKOFF_MS / 1_000} s`)
    assert.ok(asked >= 4 && asked <= 30, `asked ${asked} times`)
    const lines = readFileSync(alice.machine.path('var/lib/weft/agent.log'), 'utf8').split('\n')
    assert.equal(lines.filter((line) => /"event":"relay away"/.test(line) && said.test(line)).length, 1)
    await rubbish.stop()
    await porter.spawn(...program('connect-proxy', PROXY_PORT)).line(/listening/)
    await alice.reaches(bob.v4, { timeout: 60_000 })
  },
  { timeout },
)

labTest(
  'in a carrier’s network of 100.64/10 only the mesh’s own range is taken',
  async (lab) => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'), ['--no-node', '--range', '100.80.0.0/18'])
    const carrier = await internet.site('carrier', { nat: 'port-restricted', lan: '100.64.7.0/24' })
    const other = await internet.site('other', { nat: 'port-restricted' })
    const [alice, bob] = await mesh.joinAll(await carrier.host('alice'), await other.host('bob'))
    assert.equal(await alice.ping(bob.v4), 0)
    await endsUp(alice, bob, 'direct')
    // The carrier's own machines, and the rest of its range beyond the router.
    assert.equal(await alice.ping(carrier.inside.v4 ?? ''), 0)
    assert.match(await alice.machine.ok('ip', 'route', 'get', '100.100.0.1'), /via 100\.64\.7\.1 dev eth0/)
    assert.match(await alice.machine.ok('ip', 'route', 'get', '100.80.63.1'), /dev weft0/)
    assert.deepEqual((await alice.status()).network.collisions, [])
  },
  { timeout },
)

labTest(
  'a local network within the mesh’s range is noticed and said, and the rest of the mesh goes on',
  async (lab) => {
    const internet = await Internet.create(lab)
    const mesh = await LabMesh.serve(await internet.host('dora'), ['--no-node', '--range', '100.80.0.0/18'])
    const site = await internet.site('clash', { nat: 'port-restricted', lan: '100.80.40.0/24' })
    const other = await internet.site('other', { nat: 'port-restricted' })
    const [alice, bob] = await mesh.joinAll(await site.host('alice'), await other.host('bob'))
    assert.equal(await alice.ping(bob.v4), 0)
    assert.deepEqual((await alice.status()).network.collisions, [alice.machine.v4])
    for (const verb of ['netcheck', 'status'])
      assert.match(await alice.machine.weftOk(verb), /this network gave 100\.80\.40\.\d+, which is in the mesh’s range/)
    assert.deepEqual((await bob.status()).network.collisions, [])
  },
  { timeout },
)

labTest(
  'a cable that is pulled for three seconds, ten times, ends no transfer',
  async (lab, context) => {
    const { internet, alice, bob, left } = await twoSites(lab, 'port-restricted', 'port-restricted')
    await endsUp(alice, bob, 'direct')
    const link = await internet.switch.insertLink(left.router)
    const fair: LinkWeather = { rate: 4_000_000, delay: 5 }
    await link.set(fair)
    const sink = bob.machine.spawn(...program('tcp-sink', 9000))
    await sink.line(/^listening/)
    const source = alice.machine.runWith({ timeout: 170_000 }, ...program('tcp-source', bob.v4, 9000, 10 * MEGABYTE))
    for (let i = 0; i < 10; i++) {
      await link.set({ ...fair, loss: 1 })
      await pass(3_000)
      await link.set(fair)
      const before = await rxBytes(bob, alice)
      await until('packets flow again', async () => (await rxBytes(bob, alice)) > before + 100_000, { timeout: 15_000 })
    }
    const { stdout } = await source
    const [, received, hash] = await sink.line(/^received (\d+) (\w+)$/, { timeout: 60_000 })
    assert.deepEqual([Number(received), hash], [10 * MEGABYTE, stdout.trim()])
    await endsUp(alice, bob, 'direct')
    context.diagnostic(`dropped: ${JSON.stringify((await alice.status()).dropped)}`)
  },
  { timeout },
)

labTest(
  'an agent that slept for a minute has a direct path again at once',
  async (lab, context) => {
    const { alice, bob } = await twoSites(lab, 'port-restricted', 'port-restricted')
    await endsUp(alice, bob, 'direct')
    const agents = alice.machine.processes.map(String)
    await alice.machine.ok('kill', '-STOP', ...agents)
    await pass(SLEPT_MS)
    await alice.machine.ok('kill', '-CONT', ...agents)
    const awake = performance.now()
    const direct = async () => (await alice.ping(bob.v4)) === 0 && (await pathKind(alice, bob)) === 'direct'
    await until('the path is direct', direct, { timeout: 10_000 })
    context.diagnostic(`direct ${Math.round(performance.now() - awake)} ms after it woke up`)
    await endsUp(bob, alice, 'direct')
  },
  { timeout },
)

/** An office whose router lets out nothing but its proxy. */
async function proxied(lab: Lab) {
  const internet = await Internet.create(lab)
  const mesh = await LabMesh.serve(await internet.host('dora'), ['--no-node', '--listen', '0.0.0.0:443'], 443)
  const office = await internet.site('office', { nat: 'port-restricted' })
  const porter = await office.host('porter')
  const proxy = porter.spawn(...program('connect-proxy', PROXY_PORT))
  await proxy.line(/listening/)
  await office.router.ok('nft', `insert rule inet guard through iifname "lan0" ip saddr != ${porter.v4} drop`)
  const env = { HTTPS_PROXY: `http://${porter.v4}:${PROXY_PORT}` }
  const alice = await mesh.join(await office.host('alice'), env)
  const other = await internet.site('other', { nat: 'port-restricted' })
  const bob = await mesh.join(await other.host('bob'))
  await Promise.all([alice.knows(bob), bob.knows(alice)])
  return { mesh, alice, bob, porter, proxy }
}

async function rxBytes(at: MeshNode, from: MeshNode): Promise<number> {
  const { peers } = await at.status()
  return peers.find(({ name }) => name === from.name)?.rxBytes ?? 0
}
