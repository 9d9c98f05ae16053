import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Endpoint, Family, IpAddress } from '@weft/base'
import type { SocketId } from '@weft/datapath'
import { addressOf } from '@weft/native'
import { IncomingBatch } from '../src/incoming-batch.ts'
import { OutgoingMessage } from '../src/outgoing-message.ts'
import { UdpSocket } from '../src/udp-socket.ts'
import { until } from './until.ts'

const ID = 3 as SocketId

async function stranger(
  t: TestContext,
  family: Family,
  address: string,
): Promise<{ socket: Socket; endpoint: Endpoint }> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
  t.after(() => socket.close())
  socket.bind(0, address)
  await once(socket, 'listening')
  const { port } = socket.address()
  return { socket, endpoint: (family === 4 ? `${address}:${port}` : `[${address}]:${port}`) as Endpoint }
}

const SLOT = 70_000

/** Four messages' room, and what comes into it. */
class Inbox {
  readonly memory = new Uint8Array(4 * SLOT)
  readonly batch = new IncomingBatch({ address: addressOf(this.memory), bytes: SLOT, count: 4 })

  messages(socket: UdpSocket): Promise<number> {
    return until('a message', () => this.batch.receive(socket.fd, socket.family, socket.id) || undefined)
  }

  bytes(message: number): Uint8Array {
    return this.memory.subarray(message * SLOT, message * SLOT + this.batch.length(message))
  }
}

const loopbacks: readonly [Family, string][] = [
  [4, '127.0.0.1'],
  [4, '127.0.0.53'],
  [6, '::1'],
]

for (const [family, address] of loopbacks) {
  test(`a datagram to ${address} tells where it came from, and where it was sent to`, async (t) => {
    const socket = new UdpSocket(ID, family, 0)
    const { socket: sender, endpoint } = await stranger(t, family, family === 4 ? '127.0.0.1' : '::1')
    sender.send('hello', socket.port, address)
    const inbox = new Inbox()
    assert.equal(await inbox.messages(socket), 1)
    assert.deepEqual(inbox.bytes(0), new TextEncoder().encode('hello'))
    assert.equal(inbox.batch.stride(0), 5)
    assert.equal(inbox.batch.hasOrigin(0), true)
    assert.deepEqual(inbox.batch.origin(0), { kind: 'direct', socket: ID, local: address, remote: endpoint })
    assert.equal(inbox.batch.cameFrom(0, inbox.batch.copyOrigin(0)), true)
    socket.close()
  })

  test(`an answer leaves from ${address}, which was asked`, async (t) => {
    const socket = new UdpSocket(ID, family, 0)
    const { socket: sender, endpoint } = await stranger(t, family, family === 4 ? '127.0.0.1' : '::1')
    const answer = new TextEncoder().encode('answer')
    assert.equal(
      new OutgoingMessage(endpoint, address as IpAddress).send(socket.fd, addressOf(answer), answer.length),
      true,
    )
    const [, from] = (await once(sender, 'message')) as [Uint8Array, { address: string; port: number }]
    assert.deepEqual([from.address, from.port], [address, socket.port])
    socket.close()
  })
}

test('an address that the machine no longer has does not keep an answer back', async (t) => {
  const socket = new UdpSocket(ID, 4, 0)
  const { socket: sender, endpoint } = await stranger(t, 4, '127.0.0.1')
  const answer = new Uint8Array([1])
  const message = new OutgoingMessage(endpoint, '192.0.2.1' as IpAddress)
  assert.equal(message.send(socket.fd, addressOf(answer), 1), true)
  await once(sender, 'message')
  socket.close()
})

test('sockets of both families have one port, and a third finds it taken', () => {
  const socket4 = new UdpSocket(ID, 4, 0)
  const socket6 = new UdpSocket(ID, 6, socket4.port)
  assert.equal(socket6.port, socket4.port)
  const before = readdirSync('/proc/self/fd').length
  assert.throws(() => new UdpSocket(ID, 4, socket4.port), { name: 'SystemError', code: 'EADDRINUSE' })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  socket4.close()
  socket6.close()
})

test('a datagram longer than the route carries is sent in fragments', async (t) => {
  const socket = new UdpSocket(ID, 4, 0)
  const { socket: receiver, endpoint } = await stranger(t, 4, '127.0.0.1')
  const long = new Uint8Array(65_507)
  assert.equal(new OutgoingMessage(endpoint, undefined).send(socket.fd, addressOf(long), long.length), true)
  const [got] = (await once(receiver, 'message')) as [Uint8Array]
  assert.equal(got.length, long.length)
  socket.close()
})

test('sending where there is no route, or to the other family, is told', () => {
  const socket = new UdpSocket(ID, 4, 0)
  const datagram = new Uint8Array([1])
  const to = (remote: string) => new OutgoingMessage(remote as Endpoint, undefined)
  assert.equal(to('255.255.255.255:9').send(socket.fd, addressOf(datagram), 1), false)
  assert.equal(to('[::1]:9').send(socket.fd, addressOf(datagram), 1), false)
  socket.close()
})
