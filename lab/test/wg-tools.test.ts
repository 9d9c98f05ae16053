/*
 *   alice ──┐
 *           ├── lan  192.0.2.0/24, 2001:db8:1::/64        both serve wg0 by `weft wg`; the real wg and wg-quick configure it
 *   bob   ──┘
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Lab, labTest, type Machine, until, WgInterface } from '../src/index.ts'
import { program } from './programs/index.ts'

const LAUNCHER = join(import.meta.dirname, '../../weft')
const PORT = 51820
const NAME = 'wg0'

labTest(
  'weft wg goes to the background once it answers, and leaves nothing when the interface is deleted',
  async (lab) => {
    const alice = lab.machine('alice')
    const { code, stdout, stderr } = await alice.weft('wg', NAME)
    assert.deepEqual([code, stdout, stderr], [0, '', ''])
    assert.match(await alice.ok('wg', 'show', NAME), /^interface: wg0/)
    assert.match(await alice.ok('stat', '-c', '%a', '/run/wireguard', '/run/wireguard/wg0.sock'), /^700\n600\n$/)
    await alice.ok('ip', 'link', 'delete', NAME)
    await nothingLeft(alice)
  },
)

for (const [how, end] of [
  ['its socket is deleted', (alice: Machine) => alice.ok('rm', `/run/wireguard/${NAME}.sock`)],
  ['SIGTERM comes', (alice: Machine) => signal(alice, 'SIGTERM')],
  ['SIGINT comes', (alice: Machine) => signal(alice, 'SIGINT')],
] as const) {
  labTest(`weft wg leaves nothing when ${how}`, async (lab) => {
    const alice = lab.machine('alice')
    await alice.weftOk('wg', NAME)
    await end(alice)
    await nothingLeft(alice)
  })
}

labTest('a configuration is set, added to, synchronised and shown as with any WireGuard', async (lab) => {
  const { alice, bob } = await twoEnds(lab)
  const [mine, theirs] = [alice.keys, bob.keys]
  const carol = (await alice.machine.ok('sh', '-c', 'wg genkey | wg pubkey')).trim()
  const whole = conf(mine.privateKey, [
    `PublicKey = ${theirs.publicKey}`,
    'AllowedIPs = 10.0.0.2/32, fd00::/64',
    `Endpoint = ${bob.machine.v4}:${PORT}`,
    'PersistentKeepalive = 25',
  ])
  await alice.machine.ok('wg', 'setconf', NAME, alice.file(whole))
  const shown = await alice.machine.ok('wg', 'showconf', NAME)
  assert.match(shown, /ListenPort = 7777/)
  assert.match(shown, /FwMark = 0x2a/)
  assert.match(shown, /PersistentKeepalive = 25/)
  assert.equal((await alice.show('allowed-ips')).get(theirs.publicKey), '10.0.0.2/32 fd00::/64')

  await alice.machine.ok('wg', 'addconf', NAME, alice.file(`[Peer]\nPublicKey = ${carol}\nAllowedIPs = 10.0.0.3/32`))
  assert.deepEqual([...(await alice.show('allowed-ips')).keys()].toSorted(), [theirs.publicKey, carol].toSorted())
  await alice.machine.ok('wg', 'syncconf', NAME, alice.file(whole))
  assert.deepEqual([...(await alice.show('allowed-ips')).keys()], [theirs.publicKey])
  await alice.machine.ok('wg', 'setconf', NAME, alice.file(shown))
  assert.equal(await alice.machine.ok('wg', 'showconf', NAME), shown)
})

labTest('what wg refuses or is refused leaves the interface as it was, with words that its users know', async (lab) => {
  const { alice, bob } = await twoEnds(lab)
  await alice.set('peer', bob.keys.publicKey, 'allowed-ips', '10.0.0.2/32')
  const before = await alice.machine.ok('wg', 'showconf', NAME)
  const taken = await alice.machine.run(process.execPath, '-e', TAKEN_PORT)
  assert.match(taken.stdout, /Unable to modify interface: Address already in use/)
  assert.equal(await alice.machine.ok('wg', 'showconf', NAME), before)
  for (const [lines, errno] of [
    ['set=1\nlisten_port=65536\n\n', '-22'],
    ['set=1\nlisten_port=1\ncolour=red\n\n', '-22'],
    ['set=1\nlisten_port=1\nnothing\n\n', '-71'],
    ['hello\n\n', '-71'],
  ] as const)
    assert.equal(await talk(alice.machine, [lines]), `errno=${errno}\n\n`)
  assert.equal(await alice.machine.ok('wg', 'showconf', NAME), before)
})

labTest('half-sent requests change nothing and hold nobody up', async (lab) => {
  const { alice } = await twoEnds(lab)
  const before = await alice.machine.ok('wg', 'showconf', NAME)
  assert.equal(await talk(alice.machine, ['set=1\nlisten_port=1\n']), '')
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => talk(alice.machine, ['get', '=1\n', '\nget=1\n\n'], 2)),
  )
  for (const answer of answers) assert.equal(answer.match(/errno=0\n\n/g)?.length, 2)
  assert.equal(await alice.machine.ok('wg', 'showconf', NAME), before)
})

labTest('a name that is in use, or too long, is refused with what to do', async (lab) => {
  const { alice } = await twoEnds(lab)
  for (const [name, code, line] of [
    [NAME, 1, /^weft: [^\n]*wg0[^\n]*in use[^\n]*\n$/],
    ['a-name-of-16-byte', 2, /^weft: [^\n]*1 to 15 characters[^\n]*\n$/],
    ['eth0', 1, /^weft: [^\n]*eth0[^\n]*\n$/],
  ] as const) {
    const outcome = await alice.machine.weft('wg', name)
    assert.equal(outcome.code, code, outcome.stderr)
    assert.match(outcome.stderr, line)
  }
  const { code, stderr } = await alice.machine.run(
    'setpriv',
    '--bounding-set=-all',
    '--inh-caps=-all',
    LAUNCHER,
    'wg',
    'wg9',
  )
  assert.equal(code, 1)
  assert.match(stderr, /^weft: [^\n]*not permitted[^\n]*\n$/)
  assert.deepEqual(readdirSync(alice.machine.path('run/wireguard')), ['wg0.sock'])
})

labTest('wg-quick brings it up and down', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const machine = lab.machine('alice')
  const bob = await WgInterface.serve(lab.machine('bob'), 'weft', { addresses: ['10.0.0.2/24'], port: PORT })
  const script = machine.path('run/weft-wg')
  writeFileSync(script, `#!/bin/sh\nexec ${LAUNCHER} wg "$@"\n`, { mode: 0o755 })
  const keys = { privateKey: (await machine.ok('wg', 'genkey')).trim() }
  const own = (await machine.runWith({ input: keys.privateKey }, 'wg', 'pubkey')).stdout.trim()
  await bob.set('peer', own, 'allowed-ips', '10.0.0.1/32')
  const peer = [`PublicKey = ${bob.keys.publicKey}`, 'AllowedIPs = 10.0.0.0/24', `Endpoint = ${bob.machine.v4}:${PORT}`]
  const text = `[Interface]\nPrivateKey = ${keys.privateKey}\nAddress = 10.0.0.1/24\nMTU = 1380\n[Peer]\n${peer.join('\n')}\n`
  writeFileSync(machine.path('run/wg0.conf'), text, { mode: 0o600 })
  const quick = (verb: string) =>
    machine.runWith({ env: { WG_QUICK_USERSPACE_IMPLEMENTATION: '/run/weft-wg' } }, 'wg-quick', verb, '/run/wg0.conf')
  const up = await quick('up')
  assert.equal(up.code, 0, up.stderr)
  await until('alice reaches bob', async () => (await machine.run('ping', '-c', '1', '-W', '1', '10.0.0.2')).code === 0)
  assert.match(await machine.ok('ip', 'link', 'show', NAME), /mtu 1380/)
  const down = await quick('down')
  assert.equal(down.code, 0, down.stderr)
  await nothingLeft(machine)
})

labTest('the interface moves to another namespace while its sockets stay', async (lab) => {
  const { alice, bob } = await twoEnds(lab)
  const inner = lab.machine('inner')
  await bob.set('peer', alice.keys.publicKey, 'allowed-ips', '10.0.0.1/32')
  await alice.set('peer', bob.keys.publicKey, 'allowed-ips', '10.0.0.2/32', 'endpoint', `${bob.machine.v4}:${PORT}`)
  await alice.reaches('10.0.0.2')
  await alice.machine.ok('ip', 'link', 'set', NAME, 'netns', String(inner.spawn('sleep', '100').pid))
  await inner.ok('sh', '-c', 'ip address add 10.0.0.1/24 dev wg0 && ip link set wg0 up')
  await until('inner reaches bob', async () => (await inner.run('ping', '-c', '1', '-W', '1', '10.0.0.2')).code === 0)
  assert.match(await alice.machine.ok('wg', 'show', NAME), /latest handshake/)
  await inner.ok('ip', 'link', 'delete', NAME)
  await until('weft wg ended', () => !alice.process.isRunning)
})

labTest(
  '10,000 peers and 130,560 prefixes are set, shown and routed',
  async (lab) => {
    const { alice, bob } = await twoEnds(lab)
    const peers = Array.from({ length: 10_000 }, (_, i) => peerConf(i))
    const prefixes = Array.from({ length: 130_560 }, (_, i) => `${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24`)
    const theirs = `[Peer]\nPublicKey = ${bob.keys.publicKey}\nEndpoint = ${bob.machine.v4}:${PORT}\n`
    const allowed = chunked(prefixes, 1000).map((some) => `AllowedIPs = ${some.join(', ')}\n`)
    await alice.machine.ok(
      'wg',
      'setconf',
      NAME,
      alice.file(`${conf(alice.keys.privateKey, [])}${theirs}${allowed.join('')}${peers.join('')}`),
    )
    const shown = await alice.show('allowed-ips')
    assert.equal(shown.size, 10_001)
    assert.equal(shown.get(bob.keys.publicKey)?.split(' ').length, prefixes.length)
    await bob.set('peer', alice.keys.publicKey, 'allowed-ips', '10.0.0.1/32')
    await alice.machine.ok('ip', 'route', 'add', '100.0.0.0/7', 'dev', NAME)
    for (const address of ['100.0.0.7', '101.253.255.7']) {
      await bob.machine.ok('ip', 'address', 'replace', `${address}/32`, 'dev', NAME)
      await alice.reaches(address)
    }
    await alice.machine.ok('wg', 'syncconf', NAME, alice.file(conf(alice.keys.privateKey, [])))
    assert.equal(await alice.machine.ok('wg', 'show', NAME, 'peers'), '')
  },
  { timeout: 180_000 },
)

labTest('another MTU is followed, up to what IP carries', async (lab) => {
  const { alice, bob } = await twoEnds(lab)
  await bob.set('peer', alice.keys.publicKey, 'allowed-ips', '10.0.0.1/32')
  await alice.set('peer', bob.keys.publicKey, 'allowed-ips', '10.0.0.2/32', 'endpoint', `${bob.machine.v4}:${PORT}`)
  for (const mtu of [1280, 9000, 65_000]) {
    for (const { machine } of [alice, bob]) await machine.ok('ip', 'link', 'set', NAME, 'mtu', String(mtu))
    await until(`packets of ${mtu} bytes pass`, async () => {
      await alice.machine.run('ip', 'route', 'flush', 'cache')
      const size = ['-M', 'do', '-s', String(mtu - 28)]
      return (await alice.machine.run('ping', '-c', '1', '-W', '1', ...size, '10.0.0.2')).code === 0
    })
  }
})

for (const [what, kind] of [
  ['a TUN that another program made is served by its descriptor', 'plain'],
  ['a TUN with a virtio header is too, and a socket that listens already', 'virtio'],
] as const) {
  labTest(`${what}, also in the background`, async (lab) => {
    lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    const alice = lab.machine('alice')
    const bob = await WgInterface.serve(lab.machine('bob'), 'weft', { addresses: ['10.0.0.2/24'], port: PORT })
    // The interface has the name that it was made with, whatever weft is told.
    await alice.ok(...program('tun-for-wg', NAME, kind, LAUNCHER, 'wg', 'utun'))
    await alice.ok('sh', '-c', 'ip address add 10.0.0.1/24 dev wg0 && ip link set wg0 up && wg genkey >/run/key')
    await alice.ok('wg', 'set', NAME, 'private-key', '/run/key')
    const own = (await alice.ok('wg', 'show', NAME, 'public-key')).trim()
    await bob.set('peer', own, 'allowed-ips', '10.0.0.1/32')
    const peer = ['peer', bob.keys.publicKey, 'endpoint', `${bob.machine.v4}:${PORT}`, 'allowed-ips', '10.0.0.0/24']
    await alice.ok('wg', 'set', NAME, ...peer)
    await until('alice reaches bob', async () => (await alice.run('ping', '-c', '1', '-W', '1', '10.0.0.2')).code === 0)
    await bob.machine.spawn('iperf3', '-s', '-1', '--forceflush').line(/listening/)
    assert.match(await alice.ok('iperf3', '-c', '10.0.0.2', '-n', '4M', '-J'), /"bytes":/)
    await signal(alice, 'SIGTERM')
    await nothingLeft(alice)
  })
}

labTest('a mark that the system refuses is told, and leaves the interface as it was', async (lab) => {
  const alice = lab.machine('alice')
  const unprivileged = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', LAUNCHER]
  await alice.ok(...program('tun-for-wg', NAME, 'plain', ...unprivileged, 'wg', NAME))
  const refused = await alice.run('wg', 'set', NAME, 'listen-port', '4444', 'fwmark', '7')
  assert.equal(refused.stderr, 'Unable to modify interface: Operation not permitted\n')
  const shown = await alice.ok('wg', 'show', NAME)
  assert.doesNotMatch(shown, /fwmark|4444/)
  await alice.ok('wg', 'set', NAME, 'listen-port', '4444')
  assert.match(await alice.ok('wg', 'show', NAME), /listening port: 4444/)
})

labTest('a descriptor that is no TUN is refused with what to do', async (lab) => {
  const alice = lab.machine('alice')
  const { code, stderr } = await alice.runWith({ env: { WG_TUN_FD: '0' } }, LAUNCHER, 'wg', '--foreground', NAME)
  assert.equal(code, 1)
  assert.match(stderr, /weft: descriptor 0 is no TUN [^\n]*\n$/)
})

/** Asks for a port that it holds itself. */
const TAKEN_PORT = `
const s = require("node:dgram").createSocket("udp4").bind(4444, () => {
  const r = require("node:child_process").spawnSync("wg", ["set", "wg0", "listen-port", "4444", "fwmark", "7"], { encoding: "utf8" })
  console.log(r.stderr); s.close() })`

async function twoEnds(lab: Lab): Promise<{ readonly alice: WgInterface; readonly bob: WgInterface }> {
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const [alice, bob] = await Promise.all([
    WgInterface.serve(lab.machine('alice'), 'weft', { addresses: ['10.0.0.1/24'], port: PORT }),
    WgInterface.serve(lab.machine('bob'), 'weft', { addresses: ['10.0.0.2/24'], port: PORT }),
  ])
  return { alice, bob }
}

function conf(privateKey: string, peer: readonly string[]): string {
  const own = `[Interface]\nPrivateKey = ${privateKey}\nListenPort = 7777\nFwMark = 0x2a\n`
  return peer.length === 0 ? own : `${own}[Peer]\n${peer.join('\n')}\n`
}

function peerConf(i: number): string {
  const key = Buffer.alloc(32, 7)
  key.writeUInt32BE(i, 4)
  return `[Peer]\nPublicKey = ${key.toString('base64')}\nAllowedIPs = 10.${128 + (i >> 8)}.${i & 255}.0/24\n`
}

function chunked<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
}

/** Sends the pieces one by one, and hangs up at once, or, where answers are waited for, after the second; what came back. */
function talk(machine: Machine, pieces: readonly string[], answers: 0 | 2 = 0): Promise<string> {
  const script = `
    const socket = require('node:net').connect('/run/wireguard/${NAME}.sock')
    const pieces = ${JSON.stringify(pieces)}
    let text = ''
    socket.on('data', (more) => {
      text += more
      if (text.split('errno=').length > ${answers}) socket.end()
    })
    socket.on('close', () => process.stdout.write(text))
    const next = () => {
      const piece = pieces.shift()
      if (piece !== undefined) socket.write(piece, () => setImmediate(next))
      else if (${answers} === 0) socket.end()
    }
    next()`
  return machine.ok(process.execPath, '-e', script)
}

async function signal(machine: Machine, name: NodeJS.Signals): Promise<void> {
  const [pid] = machine.processes
  assert.ok(pid)
  process.kill(pid, name)
}

async function nothingLeft(machine: Machine): Promise<void> {
  await until('the processes are gone', () => machine.processes.length === 0)
  // A process that is gone may hold its TUN for a moment yet.
  await until('the interface is gone', async () => !/wg0/.test(await machine.ok('ip', '-br', 'link')))
  const directory = dirname(machine.path('run/wireguard/wg0.sock'))
  assert.deepEqual(existsSync(directory) ? readdirSync(directory) : [], [])
}
