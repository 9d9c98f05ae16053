import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, test } from 'node:test'
import { endpointOf, type IpAddress } from '@weft/base'
import { knock } from '../src/knock.ts'

const LOOPBACK = '127.0.0.1' as IpAddress
const token = new Uint8Array(16).fill(0xab)
const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
})

test('a coordinator that answers to the token is reached, and one of another token is not', async () => {
  const asked: (string | undefined)[] = []
  const at = await listening(
    createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.writeHead(request.url?.endsWith('abab') ? 204 : 404).end()
    }),
  )
  assert.equal(await knock(at, token), 'answered')
  assert.equal(await knock(at, new Uint8Array(16)), 'other')
  assert.deepEqual(asked, [`GET /v1/knock/${'ab'.repeat(16)}`, `GET /v1/knock/${'00'.repeat(16)}`])
})

test('where nothing listens the knock is refused', async () => {
  const server = createServer()
  const at = await listening(server)
  server.close()
  await once(server, 'close')
  assert.equal(await knock(at, token), 'refused')
})

test('whoever says something else, hangs up, or leads elsewhere is another', async () => {
  const sayings = [
    'SSH-2.0-x\r\n',
    '',
    'HTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    `HTTP/1.1 204 No Content\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`,
  ]
  for (const saying of sayings) {
    const at = await listening(createServer((socket) => socket.on('error', () => {}).end(saying)))
    assert.equal(await knock(at, token), 'other', saying)
  }
})

test('whoever takes the connection and says nothing is silent', async () => {
  const at = await listening(createServer((socket) => socket.on('error', () => {})))
  assert.equal(await knock(at, token), 'silent')
})

async function listening(server: Server) {
  servers.push(server)
  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  return endpointOf(LOOPBACK, (server.address() as AddressInfo).port)
}
