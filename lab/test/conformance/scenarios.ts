/*
 *   alice (weft wg) ──┬── lan  192.0.2.0/24, 2001:db8:1::/64 ──┬── bob (JUDGE)
 *                     └── eve: in between where it says so ────┘
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  Lab,
  type Machine,
  type PeerName,
  packetLoss,
  peerProgram,
  reporting,
  skipReason,
  WgInterface,
} from '../../src/index.ts'
import { program } from '../programs/index.ts'
import { introduce, PORT } from './introduce.ts'
import { junk } from './junk.ts'
import { staysReachableBehindNat } from './nat.ts'

/** What a judge does not do itself; weft's own part is tried with it all the same. */
interface Quirks {
  /** Besides those it is started with. */
  readonly flags?: readonly string[]
  /** It tells `wg` how long ago the handshake was instead of when. */
  readonly tellsHandshakeAge?: boolean
  /** The program ends when its port or private key is changed: "tun interface: channel closed". */
  readonly endsAtOwnChange?: boolean
}

const quirks: Readonly<Record<PeerName, Quirks>> = {
  'wireguard-go': {},
  // A connected socket keeps the address it was connected from, also when that is gone.
  boringtun: { tellsHandshakeAge: true, flags: ['--disable-connected-udp'] },
  gotatun: { endsAtOwnChange: true },
}

/** What cargo builds takes minutes, so it is tried by the long set only. */
const isLong = process.env.WEFT_LONG === '1'

/** `weft wg` with another implementation as its judge, in whose place any may be. */
export function conformsWith(name: PeerName): void {
  const isTried = name === 'wireguard-go' || isLong
  const judge = !isTried
    ? { missing: `${name} is tried by npm run test:long` }
    : skipReason()
      ? { missing: String(skipReason()) }
      : peerProgram(name, { mayBuild: true })
  const { flags = [], tellsHandshakeAge, endsAtOwnChange } = quirks[name]
  const skip = 'missing' in judge ? judge.missing : false

  describe(`weft wg and ${name}`, { skip, timeout: 300_000 }, () => {
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
        bob = await WgInterface.serve(
          lab.machine('bob'),
          { ...judge, flags: [...judge.flags, ...flags] },
          {
            addresses: ['10.0.0.2/24', 'fd00:a::2/64'],
            port: PORT,
          },
        )
      })
    })
    after(() => lab[Symbol.dispose]())

    const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

    // IPv6 first: wireguard-go of 2025 keeps an address that was used for IPv4 and copies 4 bytes of an IPv6 one into it, so that
    // its first answers go to 2001:db8:: (conn/bind_std.go, `Send`) and weft begins again after 5 s, as it should.
    for (const [outside, addressOf] of [
      ['IPv6', (machine: Machine) => `[${machine.v6}]:${PORT}`],
      ['IPv4', (machine: Machine) => `${machine.v4}:${PORT}`],
    ] as const) {
      claim(`reach each other over ${outside} when weft begins`, async () => {
        await introduce(alice, bob, { endpoint: addressOf(bob.machine) })
        await alice.reaches('10.0.0.2')
        await alice.reaches('fd00:a::2')
        assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), addressOf(bob.machine))
      })

      claim(`reach each other over ${outside} when ${name} begins`, async () => {
        await introduce(bob, alice, { endpoint: addressOf(alice.machine) })
        await bob.reaches('fd00:a::1')
        await bob.reaches('10.0.0.1')
        assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), addressOf(bob.machine))
      })
    }

    claim('count one handshake and the same bytes at both ends, but for the handshakes', async () => {
      const shakes = await Promise.all([alice.show('latest-handshakes'), bob.show('latest-handshakes')])
      const [ours, theirs] = [Number(shakes[0].get(bob.keys.publicKey)), Number(shakes[1].get(alice.keys.publicKey))]
      const when = tellsHandshakeAge ? Math.floor(Date.now() / 1000) - theirs : theirs
      assert.ok(Math.abs(ours - when) <= 2, `${ours} and ${theirs}`)
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
      const port = endsAtOwnChange ? PORT : 51888
      if (!endsAtOwnChange) await bob.set('listen-port', String(port))
      await bob.reaches('10.0.0.1')
      assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), `${bob.machine.v4}:${port}`)
      await readdress(bob.machine, `${bob.machine.v4}/24`, '192.0.2.77/24')
      await bob.reaches('10.0.0.1')
      assert.equal((await alice.show('endpoints')).get(bob.keys.publicKey), `192.0.2.77:${port}`)
      await readdress(bob.machine, '192.0.2.77/24', `${bob.machine.v4}/24`)
      await alice.set('listen-port', String(PORT))
      if (!endsAtOwnChange) await bob.set('listen-port', String(PORT))
    })

    claim('go on with other keys as soon as both know them', async () => {
      for (const end of endsAtOwnChange ? [alice] : [alice, bob]) {
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

    it('reach each other behind a NAT by persistent keepalives, and not without', async () => {
      assert.ok('path' in judge)
      await staysReachableBehindNat(judge)
    })
  })
}

async function readdress(machine: Machine, from: string, to: string): Promise<void> {
  await machine.ok('ip', '-4', 'address', 'del', from, 'dev', 'eth0')
  await machine.ok('ip', '-4', 'address', 'add', to, 'dev', 'eth0')
}
