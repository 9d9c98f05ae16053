import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SocketId } from '@weft/datapath'
import { PrivateKey, publicKeyBytes } from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'
import type { PeerIndex } from '@weft/wireguard'
import { ConfiguredDevice, remote } from './configured-device.ts'

const OK = 'errno=0\n\n'
const OWN = '77'.repeat(32)
const BOB = 'b0'.repeat(32)
const EVE = 'ee'.repeat(32)

test('a new device has nothing to show', () => {
  assert.equal(new ConfiguredDevice().get(), OK)
})

test('what was set is shown, with counters and without what was not set', () => {
  const device = new ConfiguredDevice()
  const told = device.set(
    `private_key=${OWN}`,
    'listen_port=51820',
    'fwmark=16',
    `public_key=${BOB}`,
    `preshared_key=${EVE}`,
    'endpoint=192.0.2.1:1',
    'persistent_keepalive_interval=25',
    'allowed_ip=10.0.0.7/8',
    'allowed_ip=fd00::/64',
  )
  assert.equal(told, OK)
  device.meters.set(0 as PeerIndex, { ...meter, sentBytes: 5, receivedBytes: 2 ** 40 })
  assert.equal(
    device.get(),
    [
      `private_key=${OWN}`,
      'listen_port=51820',
      'fwmark=16',
      `public_key=${BOB}`,
      `preshared_key=${EVE}`,
      'protocol_version=1',
      'endpoint=192.0.2.1:1',
      'last_handshake_time_sec=0',
      'last_handshake_time_nsec=0',
      'tx_bytes=5',
      'rx_bytes=1099511627776',
      'persistent_keepalive_interval=25',
      'allowed_ip=10.0.0.0/8',
      'allowed_ip=fd00::/64',
      OK,
    ].join('\n'),
  )
})

test('a line that is refused leaves everything as it was', () => {
  const device = configured()
  const before = device.get()
  assert.equal(
    device.set('listen_port=2', 'replace_peers=true', `public_key=${EVE}`, 'endpoint=192.0.2.1'),
    'errno=-22\n\n',
  )
  assert.equal(device.get(), before)
})

test('a port that is taken leaves everything as it was, also the sockets', () => {
  const device = configured()
  device.takenPorts.add(666)
  const before = device.get()
  device.commands.length = 0
  assert.equal(device.set('fwmark=9', 'listen_port=666', 'replace_peers=true'), 'errno=-98\n\n')
  assert.equal(device.get(), before)
  assert.deepEqual(device.take('close-socket'), [])
  assert.deepEqual(
    device.take('set-mark').map(({ mark }) => mark),
    [9, 0],
    'the mark is given back',
  )
})

test('a mark that is refused leaves everything as it was, and later requests are answered', () => {
  const device = configured()
  const before = device.get()
  device.refusesMarks = true
  assert.equal(device.set('fwmark=9', 'listen_port=7', 'replace_peers=true'), 'errno=-1\n\n')
  assert.equal(device.get(), before)
  device.refusesMarks = false
  assert.equal(device.set('fwmark=9'), OK)
  assert.match(device.get(), /^fwmark=9$/m)
})

test('another port opens both sockets before the old ones go, and moves every path', () => {
  const device = configured()
  const old = device.take('open-socket').map(({ socket }) => socket)
  device.commands.length = 0
  assert.equal(device.set('listen_port=7'), OK)
  const opened = device.take('open-socket')
  assert.deepEqual(
    opened.map(({ family, port }) => [family, port]),
    [
      [4, 7],
      [6, 7],
    ],
  )
  assert.deepEqual(
    device.take('close-socket').map(({ socket }) => socket),
    old,
  )
  const route = device.take('set-path')[0]?.path?.route
  assert.ok(route?.kind === 'direct' && route.socket === opened[0]?.socket)
})

test('requests of others wait for one that opens sockets, and come in their order', () => {
  const device = new ConfiguredDevice()
  device.opensAtOnce = false
  assert.equal(device.ask('set=1\nlisten_port=9', 1), undefined)
  assert.equal(device.ask('get=1', 2), undefined)
  assert.equal(device.ask('set=1\nfwmark=3', 3), undefined)
  device.openSockets()
  device.openSockets()
  assert.deepEqual(
    [1, 2, 3].map((client) => device.answers.get(client)),
    [OK, `listen_port=9\n${OK}`, OK],
  )
})

test('a peer is made, changed only where it is there, and removed', () => {
  const device = configured()
  device.set(`public_key=${EVE}`, 'update_only=true', 'allowed_ip=10.9.0.0/16')
  assert.doesNotMatch(device.get(), new RegExp(EVE))
  device.set(`public_key=${BOB}`, 'update_only=true', 'persistent_keepalive_interval=3')
  assert.match(device.get(), /persistent_keepalive_interval=3/)
  device.set(`public_key=${BOB}`, 'remove=true')
  assert.doesNotMatch(device.get(), /public_key/)
  assert.equal(device.take('remove-peer').length, 1)
})

test('replace_peers leaves those that the request names', () => {
  const device = configured()
  device.set('replace_peers=true', `public_key=${EVE}`)
  assert.deepEqual(device.get().match(/public_key=\w\w/g), ['public_key=ee'])
})

test('a prefix has one owner at a time, and only its owner gives it up', () => {
  const device = configured()
  device.set(`public_key=${EVE}`, 'allowed_ip=10.0.0.0/8')
  assert.deepEqual(prefixesOf(device), { [BOB]: ['fd00::/64'], [EVE]: ['10.0.0.0/8'] })
  device.set(`public_key=${BOB}`, 'allowed_ip=-10.0.0.0/8', 'allowed_ip=-fd00::/64')
  assert.deepEqual(prefixesOf(device), { [BOB]: [], [EVE]: ['10.0.0.0/8'] })
  device.set(`public_key=${EVE}`, 'replace_allowed_ips=true', 'allowed_ip=10.1.0.0/16')
  assert.deepEqual(prefixesOf(device), { [BOB]: [], [EVE]: ['10.1.0.0/16'] })
  assert.deepEqual(device.take('set-allowed-ips').at(-1)?.prefixes, ['10.1.0.0/16'])
})

test('oneself is passed over, and goes when a peer’s key becomes the own', () => {
  const device = configured()
  const own = publicHex(OWN)
  assert.equal(device.set(`public_key=${own}`, 'allowed_ip=10.7.0.0/16'), OK)
  assert.doesNotMatch(device.get(), new RegExp(own))
  const bobs = '44'.repeat(32)
  device.set(`public_key=${publicHex(bobs)}`)
  device.set(`private_key=${bobs}`)
  assert.doesNotMatch(device.get(), new RegExp(`public_key=${publicHex(bobs)}`))
})

test('without a private key nothing is answered for, and with one again it is', () => {
  const device = configured()
  assert.equal(device.take('set-local-keys').at(-1)?.keys.length, 1)
  device.set(`private_key=${'00'.repeat(32)}`)
  assert.deepEqual(device.take('set-local-keys').at(-1)?.keys, [])
  assert.doesNotMatch(device.get(), /private_key/)
})

test('a peer is shown where it roamed to', () => {
  const device = configured()
  const socket = device.take('open-socket')[0]?.socket as SocketId
  const path = { kind: 'direct', socket, remote: remote('198.51.100.9', 99) } as const
  device.tell({ kind: 'report', report: { kind: 'path-changed', peer: 0 as PeerIndex, path } })
  assert.match(device.get(), /endpoint=198\.51\.100\.9:99/)
})

test('another MTU is told for every path', () => {
  const device = configured()
  device.commands.length = 0
  device.tell({ kind: 'mtu', mtu: 9000 })
  assert.deepEqual(
    device.take('set-path').map(({ path }) => path?.mtu),
    [9000],
  )
})

test('more peers than there is room for are refused as a whole', () => {
  const device = configured()
  const before = device.get()
  const peers = Array.from({ length: 16_384 }, (_, i) => `public_key=${(i + 1).toString(16).padStart(64, '0')}`)
  assert.equal(device.set(...peers), 'errno=-28\n\n')
  assert.equal(device.get(), before)
})

/** With a key, a port, and bob for 10.0.0.0/8 and fd00::/64. */
function configured(): ConfiguredDevice {
  const device = new ConfiguredDevice()
  device.set(
    `private_key=${OWN}`,
    'listen_port=1',
    `public_key=${BOB}`,
    'endpoint=192.0.2.1:1',
    'allowed_ip=10.0.0.0/8',
    'allowed_ip=fd00::/64',
  )
  return device
}

function prefixesOf(device: ConfiguredDevice): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {}
  let peer = ''
  for (const line of device.get().split('\n')) {
    const [key, value = ''] = line.split('=', 2)
    if (key === 'public_key') {
      peer = value
      found[peer] = []
    }
    if (key === 'allowed_ip') found[peer]?.push(value)
  }
  return found
}

function publicHex(privateKey: string): string {
  const key = new PrivateKey('node', Uint8Array.fromHex(privateKey)).publicKey(portableCrypto)
  return publicKeyBytes(key).toHex()
}

const meter = {
  lastSent: undefined,
  lastReceived: undefined,
  unansweredSince: undefined,
  owedSince: undefined,
}
