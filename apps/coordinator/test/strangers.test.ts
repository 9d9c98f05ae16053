import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { milliseconds, randomBytes, randomUint32 } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { nativeCrypto, systemRandom } from '@weft/crypto'
import { generateNodeKeys } from '@weft/identity'
import { PrivateKey } from '@weft/keys'
import { webSocketRequest } from '@weft/testing'
import { WebSocket } from 'ws'
import { dumpDatabase } from './database-dump.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { TestChannel, TestNode } from './test-node.ts'

const random = (length: number) => randomBytes(systemRandom, length)
const below = (limit: number) => randomUint32(systemRandom) % limit

describe('what a stranger sends', () => {
  it('as random frames changes no row, is counted, and stops nothing', async () => {
    await using coordinator = await TestCoordinator.start()
    const { alice, before } = await meshWithAlice(coordinator)
    for (let i = 0; i < 40; i++) {
      const socket = await rawSocket(coordinator.port)
      for (let frame = 0; frame <= below(3); frame++) socket.send(random(below(400)))
      await once(socket, 'close')
    }
    await isUnmoved(coordinator, alice, before)
    assert.ok(((await refused(coordinator))['handshake-failed'] ?? 0) >= 40)
  })

  it('as text, as an oversized frame, or as nothing is counted each by its reason', async () => {
    await using coordinator = await TestCoordinator.start({ limits: { handshake: milliseconds(150) } })
    const { alice, before } = await meshWithAlice(coordinator)
    const text = await rawSocket(coordinator.port)
    text.send('{"type":"request"}')
    assert.equal((await once(text, 'close'))[0], 1003)
    const large = await rawSocket(coordinator.port)
    large.send(random(65_536))
    assert.equal((await once(large, 'close'))[0], 1009)
    const silent = await rawSocket(coordinator.port)
    assert.equal((await once(silent, 'close'))[0], 1008)
    await isUnmoved(coordinator, alice, before)
    const counts = await refused(coordinator)
    assert.deepEqual(
      [counts['frame-malformed'], counts['frame-oversize'], counts['handshake-timeout']],
      [1, 1, 1],
      JSON.stringify(counts),
    )
  })

  it('as a replayed or altered handshake opens nothing', async () => {
    await using coordinator = await TestCoordinator.start({ limits: { handshake: milliseconds(300) } })
    const link = await coordinator.link({ reusable: true })
    const sent: Uint8Array[] = []
    const node = new TestNode(link, 'alice')
    const alice = await node.enter(coordinator.port)
    const spy = await TestChannel.open(url(coordinator.port), node.keys, node.link.coordinatorKey, {
      spy: (frame) => sent.push(frame.slice()),
    })
    await node.subscribe(spy)
    await alice.closed
    const before = dumpDatabase(coordinator.path)
    const replay = await rawSocket(coordinator.port)
    for (const frame of sent) replay.send(frame)
    await once(replay, 'close')
    for (const original of sent) {
      const altered = original.slice()
      const at = below(altered.length)
      altered[at] = (altered[at] ?? 0) ^ (1 << below(8))
      const socket = await rawSocket(coordinator.port)
      socket.send(altered)
      await once(socket, 'close')
    }
    await isUnmoved(coordinator, spy, before)
  })

  it('through an open channel, as no message or an unknown request, changes no row', async () => {
    await using coordinator = await TestCoordinator.start()
    const { alice, before } = await meshWithAlice(coordinator)
    const { coordinatorKey } = new TestNode(await coordinator.link(), 'x').link
    const rows = dumpDatabase(coordinator.path)
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"type":"netmap"}',
      '{"type":"request","id":-1}',
      '\u0000',
      '{"a":'.repeat(9_000),
    ]) {
      const eve = await TestChannel.open(url(coordinator.port), generateNodeKeys(systemRandom), coordinatorKey)
      eve.say(text)
      assert.equal(await eve.closed, 1008, text)
    }
    const eve = await TestChannel.open(url(coordinator.port), generateNodeKeys(systemRandom), coordinatorKey)
    for (const [id, message] of [
      { method: 'drop-tables', params: {} },
      { method: 'join', params: {} },
      { method: 'link-list', params: { extra: 1 } },
      { method: 'publish', params: { endpoints: ['300.1.1.1:1'] } },
      { method: '__proto__', params: {} },
    ].entries()) {
      eve.say(JSON.stringify({ type: 'request', id, ...message }))
      await eve.until(() => eve.texts.length === id + 1)
      assert.match(eve.texts[id] ?? '', /"code":"bad-request"/)
    }
    assert.notEqual(rows, before)
    await isUnmoved(coordinator, alice, rows)
  })

  it('as frames that do not open ends its own channel only', async () => {
    await using coordinator = await TestCoordinator.start()
    const { alice, before, keys, coordinatorKey } = await meshWithAlice(coordinator)
    for (let i = 0; i < 10; i++) {
      const channel = await TestChannel.open(url(coordinator.port), keys, coordinatorKey)
      channel.say('{"type":"ping"}')
      await channel.until(() => channel.texts.length === 1)
      channel.sayRaw(random(1 + below(200)))
      assert.equal(await channel.closed, 1008)
    }
    await isUnmoved(coordinator, alice, before)
    assert.equal((await refused(coordinator))['frame-unopened'], 10)
  })

  it('as junk instead of HTTP, or to other paths, is answered and forgotten', async () => {
    await using coordinator = await TestCoordinator.start()
    const { alice, before } = await meshWithAlice(coordinator)
    for (let i = 0; i < 30; i++) {
      const socket = connect(coordinator.port, '127.0.0.1').on('error', () => {})
      socket.end(
        i % 2 === 0 ? random(1 + below(2_000)) : `GET /v1/channel HTTP/1.1\r\nHost: x\r\n${'x'.repeat(below(99))}`,
      )
      socket.resume()
      await once(socket, 'close')
    }
    for (const path of ['/', '/v1/channel', '/healthz/../..', `/${'a'.repeat(3_000)}`])
      assert.equal((await fetch(`http://127.0.0.1:${coordinator.port}${path}`)).status, 404)
    assert.equal(
      (await fetch(`http://127.0.0.1:${coordinator.port}/healthz`, { method: 'POST', body: 'x' })).status,
      404,
    )
    for (const [path, protocol] of [
      ['/v1/channel', 'other'],
      ['/v2/channel', 'weft.channel.1'],
      ['/v1/channel', null],
    ] as const)
      await assert.rejects(rawSocket(coordinator.port, path, protocol), /40[04]/)
    await isUnmoved(coordinator, alice, before)
    const counts = await refused(coordinator)
    assert.ok((counts['http-malformed'] ?? 0) >= 15, JSON.stringify(counts))
    assert.equal(counts['upgrade-refused'], 3)
  })

  it('as an upgrade that is refused is hung up on, though the stranger holds on', async () => {
    await using coordinator = await TestCoordinator.start()
    const wrong = [
      webSocketRequest('/v1/channel', 'other'),
      webSocketRequest('/v2/channel', 'weft.channel.1'),
      webSocketRequest('/v1/channel', 'weft.channel.1').replace('Version: 13', 'Version: 12'),
      webSocketRequest('/v1/channel', 'weft.channel.1').replace('GET', 'POST'),
      webSocketRequest('/v1/channel', 'weft.channel.1').replace('Upgrade: websocket', 'Upgrade: other'),
      'no request\r\n\r\n',
    ]
    const answers = await Promise.all(wrong.map((request) => answerToHolder(coordinator.port, request)))
    for (const answer of answers) assert.match(answer, /^HTTP\/1.1 40[04] /)
    assert.equal((await refused(coordinator))['upgrade-refused'], wrong.length - 1)
  })

  it('as nothing for long ends its channel, and the device is offline', async () => {
    await using coordinator = await TestCoordinator.start({ limits: { silence: milliseconds(300) } })
    const { alice } = await meshWithAlice(coordinator)
    assert.equal(await alice.closed, 1008)
    assert.equal((await refused(coordinator)).silent, 1)
    await until(async () => (await status(coordinator)).devices.every(({ online }) => !online))
  })

  it('too much or too often is bounded, and others have room', async () => {
    await using coordinator = await TestCoordinator.start({
      limits: { strangersOfOneAddress: 4, requests: { burst: 5, perSecond: 0.001 }, registration: milliseconds(400) },
    })
    const { alice, before, coordinatorKey } = await meshWithAlice(coordinator)
    const sockets = await Promise.all(Array.from({ length: 4 }, () => rawSocket(coordinator.port)))
    await assert.rejects(rawSocket(coordinator.port), /503/)
    for (const socket of sockets) socket.terminate()
    await until(async () => (await status(coordinator)).channels === 1)
    const eve = await TestChannel.open(url(coordinator.port), generateNodeKeys(systemRandom), coordinatorKey)
    const linkKey = PrivateKey.generate('link', systemRandom).publicKey(nativeCrypto)
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => eve.request('open-link', { linkKey })))
    const codes = answers.map((answer) => (answer.status === 'rejected' ? answer.reason.code : 'done'))
    assert.equal(codes.filter((code) => code === 'busy').length, 3)
    assert.equal(await eve.closed, 1008)
    const counts = await refused(coordinator)
    assert.deepEqual(
      [counts['too-many-connections'], counts['too-many-requests'], counts['never-registered']],
      [1, 3, 1],
    )
    assert.equal(dumpDatabase(coordinator.path), before)
    alice.say('{"type":"ping"}')
    await alice.until(() => alice.texts.at(-1) === '{"type":"pong"}')
  })
})

const url = (port: number) => `ws://127.0.0.1:${port}/v1/channel`

async function meshWithAlice(coordinator: TestCoordinator) {
  const node = new TestNode(await coordinator.link(), 'alice')
  const alice = await node.enter(coordinator.port)
  await alice.request('publish', { endpoints: [] })
  const { keys, link } = node
  return { alice, keys, coordinatorKey: link.coordinatorKey, before: dumpDatabase(coordinator.path) }
}

/** No row has changed, and a known and a new device are served as before. */
async function isUnmoved(coordinator: TestCoordinator, alice: TestChannel, before: string): Promise<void> {
  assert.equal(dumpDatabase(coordinator.path), before)
  await alice.request('link-list', {})
  const bob = new TestNode(await coordinator.link(), 'bob')
  await (await bob.enter(coordinator.port)).close()
  await alice.until(() => alice.netmap?.peers.some((peer) => peer.id === bob.id) ?? false)
}

async function rawSocket(port: number, path = '/v1/channel', protocol: string | null = 'weft.channel.1') {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol === null ? [] : [protocol])
  await once(socket, 'open')
  return socket
}

/** Of one that never hangs up by itself, and goes on sending. */
async function answerToHolder(port: number, request: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setEncoding('latin1')
  socket.write(request)
  let answer = ''
  socket.on('data', (data: string) => {
    answer += data
  })
  await once(socket, 'end')
  const sending = setInterval(() => socket.write('more'), 10)
  // The system refuses to send once the other side is gone.
  await once(socket, 'error')
  clearInterval(sending)
  return answer
}

interface Status {
  readonly channels: number
  readonly devices: readonly { readonly online: boolean }[]
  readonly refused: Readonly<Record<string, number>>
}

async function status(coordinator: TestCoordinator): Promise<Status> {
  return (await callControl(join(coordinator.directory, 'coordinator.sock'), 'status', {})) as Status
}

const refused = async (coordinator: TestCoordinator) => (await status(coordinator)).refused

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve))
}
