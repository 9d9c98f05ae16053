import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { endpointParts } from '@weft/base'
import { type DropReason, RING_SLOTS, UP_BURST } from '@weft/datapath'
import { addressOf } from '@weft/native'
import { buildEchoRequest } from '@weft/packet'
import { LaneDatapath } from '../src/index.ts'
import { OutgoingMessage } from '../src/outgoing-message.ts'
import { UdpSocket } from '../src/udp-socket.ts'
import { ALICE, ALICE6, BOB, BOB6, installSessions, PEER, SOCKET4, SOCKET6, TestLane, twoLanes } from './two-lanes.ts'
import { until } from './until.ts'

async function two(t: TestContext, family: 4 | 6, mtu?: number): Promise<Awaited<ReturnType<typeof twoLanes>>> {
  const lanes = await twoLanes(family, mtu)
  t.after(() => Promise.all([lanes.alice.close(), lanes.bob.close()]))
  return lanes
}

async function one(t: TestContext): Promise<TestLane> {
  const lane = await TestLane.open()
  t.after(() => lane.close())
  return lane
}

const ping = (source = ALICE, destination = BOB, size = 56) =>
  buildEchoRequest({ source, destination, identifier: 7, sequence: 1, data: new Uint8Array(size).fill(1) })

for (const family of [4, 6] as const) {
  test(`packets of both families cross two lanes by IPv${family}`, async (t) => {
    const { alice, bob } = await two(t, family)
    await installSessions(alice, bob)
    for (const packet of [ping(), ping(ALICE6, BOB6), ping(ALICE, BOB, 1392)]) {
      alice.port.give(packet)
      assert.deepEqual(await bob.port.take(), packet)
    }
    const back = ping(BOB, ALICE)
    bob.port.give(back)
    assert.deepEqual(await alice.port.take(), back)
    assert.equal((await bob.report('session-confirmed')).path.kind, 'direct')
  })
}

test('a packet without a session asks for one, waits for it, and goes', async (t) => {
  const { alice, bob } = await two(t, 4)
  const packets = [ping(ALICE, BOB, 1), ping(ALICE, BOB, 2), ping(ALICE, BOB, 3)]
  for (const packet of packets) alice.port.give(packet)
  assert.equal((await alice.report('session-wanted')).peer, PEER)
  await installSessions(alice, bob)
  for (const packet of packets) assert.deepEqual(await bob.port.take(), packet)
  assert.equal(alice.reports.filter(({ kind }) => kind === 'session-wanted').length, 0)
})

test('meters count what crossed, and are read without asking the lane', async (t) => {
  const { alice, bob } = await two(t, 4)
  await installSessions(alice, bob)
  alice.port.give(ping())
  await bob.port.take()
  // A keepalive of 32 bytes, and 84 bytes padded to 96 with header and tag.
  const bytes = 32 + 128
  await until('what was sent', () => (alice.datapath.meter(PEER).sentBytes === bytes ? true : undefined))
  assert.equal(bob.datapath.meter(PEER).receivedBytes, bytes)
  assert.notEqual(alice.datapath.meter(PEER).unansweredSince, undefined)
  assert.notEqual(bob.datapath.meter(PEER).owedSince, undefined)
})

test('a packet too long for its path is answered, not sent', async (t) => {
  const { alice } = await two(t, 4, 1280)
  alice.port.give(ping(ALICE, BOB, 1300))
  const answer = await alice.port.take()
  assert.deepEqual([answer[20], answer[21], (answer[26] ?? 0) * 256 + (answer[27] ?? 0)], [3, 4, 1280])
  // Counted when the answer has left, which this thread may see first.
  await until('the drop to be counted', () => (alice.datapath.drops()['too-big'] === 1 ? true : undefined))
})

test('the two sockets of a lane can have one port', async (t) => {
  const lane = await one(t)
  const { port } = endpointParts(await lane.listen(4))
  lane.tell({ kind: 'open-socket', socket: SOCKET6, family: 6, port })
  assert.equal((await lane.report('socket-opened')).port, port)
})

test('a port in use is told by its code, and the lane goes on', async (t) => {
  const [first, second] = [await one(t), await one(t)]
  const { port } = endpointParts(await first.listen(4))
  second.tell({ kind: 'open-socket', socket: SOCKET4, family: 4, port })
  assert.deepEqual(await second.report('socket-failed'), {
    kind: 'socket-failed',
    socket: SOCKET4,
    code: 'EADDRINUSE',
  })
  first.tell({ kind: 'close-socket', socket: SOCKET4 })
  await until('the port to be free', () => {
    second.tell({ kind: 'open-socket', socket: SOCKET4, family: 4, port })
    return second.reports.find(({ kind }) => kind === 'socket-opened')
  })
})

test("a stranger's datagram goes up with its path, and the answer leaves from where it was asked", async (t) => {
  const lane = await one(t)
  const { port } = endpointParts(await lane.listen(4))
  const stranger = createSocket('udp4').bind(0, '127.0.0.1')
  t.after(() => stranger.close())
  await once(stranger, 'listening')
  stranger.send('question', port, '127.0.0.9')
  const { datagram, path } = await lane.report('datagram')
  assert.deepEqual(datagram, new TextEncoder().encode('question'))
  assert.equal(path.local, '127.0.0.9')
  lane.tell({ kind: 'send-datagram', path, datagram: new TextEncoder().encode('answer') })
  const [answer, from] = (await once(stranger, 'message')) as [Uint8Array, { address: string; port: number }]
  assert.equal(new TextDecoder().decode(answer), 'answer')
  assert.deepEqual([from.address, from.port], ['127.0.0.9', port])
})

test('a flood of junk is counted by reason, and neither stalls the main thread nor goes up in full', async (t) => {
  const lane = await one(t)
  const { port } = endpointParts(await lane.listen(4))
  const stranger = createSocket('udp4')
  t.after(() => stranger.close())
  const initiation = new Uint8Array(148)
  initiation[0] = 1
  const transport = new Uint8Array(64).fill(9)
  transport.set([4, 0, 0, 0])
  const junk: readonly (readonly [DropReason, Uint8Array])[] = [
    ['rate-limited', new Uint8Array(40).fill(0xff)],
    ['mac1-wrong', initiation],
    ['unknown-receiver', transport],
    ['malformed-datagram', new Uint8Array([4, 0, 0, 0])],
  ]
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  let sent = 0
  for (const [reason, datagram] of junk)
    await until(`junk to be counted as ${reason}`, () => {
      for (let i = 0; i < 100; i++) stranger.send(datagram, port, '127.0.0.1')
      sent += 100
      return lane.datapath.drops()[reason] >= 2000 ? true : undefined
    })
  delay.disable()
  assert.ok(delay.max < 500e6, `the main thread stood still for ${delay.max / 1e6} ms`)
  const counted = Object.values(lane.datapath.drops()).reduce((sum, count) => sum + count, 0)
  assert.ok(counted + lane.reports.length <= sent)
  assert.deepEqual(
    lane.reports.filter(({ kind }) => kind !== 'datagram'),
    [],
  )
})

test('a main thread that takes nothing is sent no more than the ring holds', async (t) => {
  const lane = await one(t)
  const to = await lane.listen(4)
  const socket = new UdpSocket(SOCKET4, 4, 0)
  const message = new OutgoingMessage(to, undefined)
  const datagram = new Uint8Array(40).fill(0xff)
  // Synchronous from here: nothing is taken while the lane drains both bursts.
  // In parts that the smallest socket buffer holds.
  for (let sent = 0; sent < 2 * UP_BURST; sent += 64) {
    for (let i = 0; i < 64; i++) message.send(socket.fd, addressOf(datagram), datagram.length)
    blockThread(30)
  }
  blockThread(300)
  socket.close()
  assert.equal(lane.reports.length, 0)
  const drops = lane.datapath.drops()
  assert.ok(drops['ring-full'] > 0, 'the ring was full')
  assert.equal(drops['ring-full'] + drops['rate-limited'] + RING_SLOTS, 2 * UP_BURST)
  await until('what was under way', () => (lane.reports.length === RING_SLOTS ? true : undefined))
})

test('of what a relay brings faster than the lane takes it, each datagram is counted, and the lane goes on', async (t) => {
  const { alice, bob } = await two(t, 4)
  await installSessions(alice, bob)
  const [runs, datagrams, stride] = [500, 60, 1000]
  for (let i = 0; i < runs; i++) {
    const bytes = new Uint8Array(datagrams * stride)
    alice.datapath.tell({ kind: 'receive-relayed', relay: 'ab'.repeat(16) as never, run: { bytes, stride } })
  }
  const counted = () => Object.values(alice.datapath.drops()).reduce((sum, count) => sum + count, 0)
  await until('all to be counted', () => (counted() >= runs * datagrams ? true : undefined))
  assert.equal(counted(), runs * datagrams)
  alice.port.give(ping())
  assert.deepEqual(await bob.port.take(), ping())
})

test("the packet port's end is told, and the lane ends", async (t) => {
  const lane = await one(t)
  lane.port.close()
  assert.match((await lane.report('failed')).reason, /the packet port is gone/)
})

test('a descriptor that is none is refused', async () => {
  await assert.rejects(LaneDatapath.open({ port: { kind: 'fd', fd: 999_999 }, onReport: () => undefined }), {
    name: 'LaneError',
    code: 'port-refused',
  })
})

test('close is prompt, closes every descriptor, and may be called twice', async () => {
  const before = openDescriptors()
  const { alice, bob } = await twoLanes(4)
  await installSessions(alice, bob)
  await bob.report('session-confirmed')
  const start = performance.now()
  const closings = [alice.close(), bob.close()]
  await Promise.all(closings)
  assert.ok(performance.now() - start < 1000)
  await alice.datapath.close()
  alice.datapath.tell({ kind: 'send-keepalive', peer: PEER })
  assert.deepEqual(openDescriptors(), before)
})

for (const ending of [
  'process.exit(7)',
  'process.exitCode = 7; throw new Error("on purpose")',
  'process.kill(process.pid)',
]) {
  test(`a program that ends by ${ending} while a lane is open does not hang`, async () => {
    const program = `
      const { TestLane } = await import(${JSON.stringify(new URL('./two-lanes.ts', import.meta.url))})
      await TestLane.open()
      setTimeout(() => { ${ending} })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' })
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    clearTimeout(timer)
    assert.ok(code !== null ? code > 0 : signal === 'SIGTERM', `${code} ${signal}`)
  })
}

/** Descriptors that are sockets, wake signals or devices; the runtime opens others of its own as it likes. */
function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return ''
      }
    })
    .filter((target) => /^socket:|^\/dev\/net|eventfd/.test(target))
    .sort()
}

function blockThread(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
