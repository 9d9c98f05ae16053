/*
 *   alice (weft wg) ──┬── lan  192.0.2.0/24, 2001:db8:1::/64 ──┬── bob (wireguard-go)
 *                     └── eve: in between where it says so ────┘
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { Lab, type Machine, packetLoss, reporting, skipReason, until, WgInterface, wireguardGo } from '../src/index.ts'
import { program } from './programs/index.ts'

const judge = skipReason() ? { missing: String(skipReason()) } : wireguardGo()
const skip = 'missing' in judge ? judge.missing : false
const PORT = 51820
const ALL = '10.0.0.0/24,fd00:a::/64'
/** No session, so the next packet begins a handshake. */
const LONGEST_DATAGRAM = 1500

describe('weft wg and wireguard-go', { skip, timeout: 300_000 }, () => {
  let lab: Lab
  let alice: WgInterface
  let bob: WgInterface

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    await reporting(lab, async () => {
      assert.ok('path' in judge)
      alice = await WgInterface.serve(lab.machine('alice'), 'weft', {
        addresses: ['10.0.0.1/24', 'fd00:a::1/64'],
        port: PORT,
      })
      bob = await WgInterface.serve(lab.machine('bob'), judge, {
        addresses: ['10.0.0.2/24', 'fd00:a::2/64'],
        port: PORT,
      })
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  for (const [outside, addressOf] of [
    ['IPv4', (machine: Machine) => `${machine.v4}:${PORT}`],
    ['IPv6', (machine: Machine) => `[${machine.v6}]:${PORT}`],
  ] as const) {
    claim(`reach each other over ${outside} when weft begins`, async () => {
      await introduce(alice, bob, { endpoint: addressOf(bob.machine) })
      await alice.reaches('10.0.0.2')
      await alice.reaches('fd00:a::2')
      assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), addressOf(bob.machine))
    })

    claim(`reach each other over ${outside} when wireguard-go begins`, async () => {
      await introduce(bob, alice, { endpoint: addressOf(alice.machine) })
      await bob.reaches('fd00:a::1')
      await bob.reaches('10.0.0.1')
      assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), addressOf(bob.machine))
    })
  }

  claim('count one handshake and the same bytes at both ends, but for the handshakes', async () => {
    const shakes = await Promise.all([alice.show('latest-handshakes'), bob.show('latest-handshakes')])
    const [ours, theirs] = [Number(shakes[0].get(bob.keys.publicKey)), Number(shakes[1].get(alice.keys.publicKey))]
    assert.ok(Math.abs(ours - theirs) <= 2, `${ours} and ${theirs}`)
    const [received, sent] = ((await alice.show('transfer')).get(bob.keys.publicKey) ?? '').split('\t').map(Number)
    assert.ok(received && sent)
  })

  claim('agree by a preshared key, and only where it is the same', async () => {
    const psk = (await alice.machine.ok('wg', 'genpsk')).trim()
    const other = (await alice.machine.ok('wg', 'genpsk')).trim()
    const endpoint = `${bob.machine.v4}:${PORT}`
    await introduce(alice, bob, { endpoint, psk: [psk, psk] })
    await alice.reaches('10.0.0.2')
    await introduce(alice, bob, { endpoint, psk: [psk, other] })
    assert.ok(await alice.reachesNot('10.0.0.2'))
    await introduce(alice, bob, { endpoint })
    await alice.reaches('10.0.0.2')
  })

  claim('follow each other to another port and another address', async () => {
    await introduce(alice, bob, { endpoint: `${bob.machine.v4}:${PORT}` })
    await alice.reaches('10.0.0.2')
    await alice.set('listen-port', '51999')
    await alice.reaches('10.0.0.2')
    assert.equal((await bob.show('endpoints')).get(alice.keys.publicKey), `${alice.machine.v4}:51999`)
    await bob.set('listen-port', '51888')
    await bob.reaches('10.0.0.1')
    assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), `${bob.machine.v4}:51888`)
    await readdress(bob.machine, `${bob.machine.v4}/24`, '192.0.2.77/24')
    await bob.reaches('10.0.0.1')
    assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), '192.0.2.77:51888')
    await readdress(bob.machine, '192.0.2.77/24', `${bob.machine.v4}/24`)
    await Promise.all([alice.set('listen-port', String(PORT)), bob.set('listen-port', String(PORT))])
  })

  claim('go on with other keys as soon as both know them', async () => {
    for (const end of [alice, bob]) {
      await end.changeKeys()
      await introduce(alice, bob, { endpoint: `${bob.machine.v4}:${PORT}` })
      await alice.reaches('10.0.0.2')
      await bob.reaches('fd00:a::1')
    }
  })

  claim('lose nothing and take nothing twice on a path that repeats and reorders', async () => {
    const eve = lab.machine('eve')
    const meddler = eve.spawn(...program('udp-meddler', PORT, bob.machine.v4 ?? '', PORT))
    await meddler.line(/carrying/)
    await introduce(alice, bob, { endpoint: `${eve.v4}:${PORT}` })
    await alice.reaches('10.0.0.2')
    const pings = [
      alice.machine.ok('ping', '-n', '-i', '0.01', '-c', '300', '-W', '2', '10.0.0.2'),
      bob.machine.ok('ping', '-n', '-i', '0.01', '-c', '300', '-W', '2', 'fd00:a::1'),
    ]
    for (const text of await Promise.all(pings)) {
      assert.equal(packetLoss(text), 0)
      assert.doesNotMatch(text, /DUP/)
    }
    await meddler.stop()
  })

  claim('are not disturbed by junk of every length and kind', async () => {
    await introduce(alice, bob, { endpoint: `${bob.machine.v4}:${PORT}` })
    await alice.reaches('10.0.0.2')
    const mallory = lab.machine('mallory')
    const ping = alice.machine.spawn('ping', '-n', '-i', '0.05', '-c', '100', '-W', '2', '10.0.0.2')
    await ping.line(/icmp_seq=\d+ ttl/)
    const { code, stderr } = await mallory.runWith(
      { input: junk() },
      ...program('udp-send', alice.machine.v4 ?? '', PORT),
    )
    assert.equal(code, 0, stderr)
    await ping.exited
    assert.equal(packetLoss(ping.lines.join('\n')), 0)
    assert.ok(alice.process.isRunning)
  })
})

describe('weft wg behind a NAT', { skip, timeout: 120_000 }, () => {
  /*
   *   alice (weft wg) ── 10.9.0.0/24 ── router, masquerading, forgetful ── lan ── bob (wireguard-go)
   */
  it('stays reachable by its persistent keepalives, and is not without', async () => {
    using lab = await Lab.create()
    await reporting(lab, async () => {
      assert.ok('path' in judge)
      const inside = lab.machine('alice')
      lab.switch('lan', { v4: '192.0.2.0/24' })
      const router = lab.machine('router')
      const outside = lab.machine('bob')
      await masquerade(inside, router)
      const alice = await WgInterface.serve(inside, 'weft', { addresses: ['10.0.0.1/24'], port: PORT })
      const bob = await WgInterface.serve(outside, judge, { addresses: ['10.0.0.2/24'], port: PORT })
      await introduce(alice, bob, { endpoint: `${outside.v4}:${PORT}` })
      await alice.reaches('10.0.0.2')
      assert.match((await bob.show('endpoints')).get(alice.keys.publicKey) ?? '', new RegExp(`^${router.v4}:`))

      await forgotten(router)
      assert.ok(await bob.reachesNot('10.0.0.1'))
      await alice.set('peer', bob.keys.publicKey, 'persistent-keepalive', '1')
      await bob.reaches('10.0.0.1')
      await new Promise((resolve) => setTimeout(resolve, 6_000))
      assert.equal(await bob.reachesNot('10.0.0.1'), false)
    })
  })
})

/** Each is the other's only peer; the endpoint is what the first knows of the second. */
async function introduce(
  one: WgInterface,
  other: WgInterface,
  options: { readonly endpoint: string; readonly psk?: readonly [string, string] },
): Promise<void> {
  await forgetPeers(one)
  await forgetPeers(other)
  const [psk, otherPsk] = options.psk ?? []
  const allowed = ['allowed-ips', ALL]
  const shared = (end: WgInterface, key: string | undefined) =>
    key === undefined ? [] : ['preshared-key', end.file(key)]
  await other.set('peer', one.keys.publicKey, ...shared(other, otherPsk), ...allowed)
  await one.set('peer', other.keys.publicKey, ...shared(one, psk), 'endpoint', options.endpoint, ...allowed)
}

async function forgetPeers(end: WgInterface): Promise<void> {
  for (const key of (await end.show('endpoints')).keys()) if (key !== '') await end.set('peer', key, 'remove')
}

/** Random bytes of every length, a fifth with each of WireGuard's types at their front, and one of each true length. */
function junk(): string {
  const lines: string[] = []
  for (let length = 1; length <= LONGEST_DATAGRAM; length++) {
    const bytes = randomBytes(length)
    if (length % 5 !== 0 && length >= 4) bytes.writeUInt32LE(length % 5)
    lines.push(bytes.toString('hex'))
  }
  for (const [type, length] of [
    [1, 148],
    [2, 92],
    [3, 64],
    [4, 32],
  ] as const) {
    const bytes = randomBytes(length)
    bytes.writeUInt32LE(type)
    lines.push(bytes.toString('hex'))
  }
  return `${lines.join('\n')}\n`
}

async function readdress(machine: Machine, from: string, to: string): Promise<void> {
  await machine.ok('ip', '-4', 'address', 'del', from, 'dev', 'eth0')
  await machine.ok('ip', '-4', 'address', 'add', to, 'dev', 'eth0')
}

/** Mappings of the router last two seconds. */
async function masquerade(inside: Machine, router: Machine): Promise<void> {
  router.connectTo(inside, 'lan0', 'eth0')
  await router.ok('sh', '-c', 'ip address add 10.9.0.1/24 dev lan0 && ip link set lan0 up')
  await inside.ok(
    'sh',
    '-c',
    'ip address add 10.9.0.2/24 dev eth0 && ip link set eth0 up && ip route add default via 10.9.0.1',
  )
  await router.ok('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward')
  await router.ok(
    'sh',
    '-c',
    'for f in udp_timeout udp_timeout_stream; do echo 2 >/proc/sys/net/netfilter/nf_conntrack_$f; done',
  )
  const rules = `table ip nat {
    chain out { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }
    chain through { type filter hook forward priority filter; iifname "eth0" ct state new drop; }
    chain in { type filter hook input priority filter; iifname "eth0" ct state new drop; }
  }\n`
  const { code, stderr } = await router.runWith({ input: rules }, 'nft', '-f', '-')
  assert.equal(code, 0, stderr)
}

/** No mapping is left. */
async function forgotten(router: Machine): Promise<void> {
  await until(
    'the router has forgotten',
    async () => !(await router.ok('cat', '/proc/net/nf_conntrack')).includes(`dport=${PORT}`),
    { timeout: 20_000 },
  )
}
