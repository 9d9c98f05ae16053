import assert from 'node:assert/strict'
import { Lab, type Machine, type ReadyPeer, reporting, until, WgInterface } from '../../src/index.ts'
import { introduce, PORT } from './introduce.ts'

/**
 *   alice (weft wg) ── 10.9.0.0/24 ── router, masquerading, forgetful ── lan ── bob (JUDGE)
 *
 * Alice is reachable while she sends persistent keepalives, and is not without.
 */
export async function staysReachableBehindNat(judge: ReadyPeer): Promise<void> {
  using lab = await Lab.create()
  await reporting(lab, async () => {
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
