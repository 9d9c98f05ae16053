import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { systemRandom } from '@weft/crypto'
import { systemClock } from '@weft/linux'
import { StunServer } from '@weft/relay'
import { createStunRequest, readStunAnswer } from '@weft/traversal'

test('tells who asks where it was heard from, on both of its ports', async () => {
  const server = await StunServer.listen({ host: '127.0.0.1', port: 0, clock: systemClock })
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  try {
    for (let port = server.port; port < server.port + server.ports; port++) {
      const { transaction, datagram } = createStunRequest(systemRandom)
      const answer = await ask(socket, port, datagram)
      assert.deepEqual(readStunAnswer(answer), { transaction, mapped: `127.0.0.1:${socket.address().port}` })
      assert.ok(answer.length <= datagram.length)
    }
  } finally {
    socket.close()
    await server.close()
  }
})

test('answers one source no more often than it may, and says nothing to what is no question', async () => {
  const server = await StunServer.listen({ host: '127.0.0.1', port: 0, clock: systemClock })
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  try {
    let answers = 0
    socket.on('message', () => answers++)
    while ((server.counts()['rate-limited'] ?? 0) < 20) {
      for (let i = 0; i < 20; i++) socket.send(createStunRequest(systemRandom).datagram, server.port, '127.0.0.1')
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(answers <= (server.counts().answered ?? 0))
    while (server.counts()['not-stun'] === undefined) {
      socket.send('hello', server.port, '127.0.0.1')
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    socket.close()
    await server.close()
  }
})

async function ask(socket: Socket, port: number, datagram: Uint8Array): Promise<Uint8Array> {
  socket.send(datagram, port, '127.0.0.1')
  const [answer] = (await once(socket, 'message')) as [Uint8Array]
  return answer
}
