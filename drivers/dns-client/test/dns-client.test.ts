import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Endpoint } from '@weft/base'
import type { UpstreamResolver } from '@weft/dns'
import { DnsClient } from '../src/index.ts'

const QUESTION = Uint8Array.of(1, 2, 3)
const ANSWER = Uint8Array.of(4, 5, 6, 7)

for (const interfaceName of [undefined, 'lo']) {
  const way = interfaceName === undefined ? '' : ' by the interface that is named'

  test(`a question by UDP is answered${way}`, async () => {
    await using server = await UdpServer.open((_, reply) => reply(ANSWER))
    const asking = new Asking()
    asking.ask(1, 'udp', server.upstream(interfaceName))
    assert.deepEqual(await asking.next(), { ask: 1, message: ANSWER })
    asking.client.forget(1)
    assert.equal(asking.client.size, 0)
  })

  test(`a question by TCP is answered${way}`, async () => {
    await using server = await TcpServer.open((socket) => {
      socket.write(Uint8Array.of(0))
      socket.write(Uint8Array.of(4, ...ANSWER, 99))
    })
    const asking = new Asking()
    asking.ask(1, 'tcp', server.upstream(interfaceName))
    assert.deepEqual(await asking.next(), { ask: 1, message: ANSWER })
    assert.deepEqual(server.received, [0, 3, ...QUESTION])
    asking.client.close()
  })
}

test('a port where nobody listens fails at once, by UDP and by TCP', async () => {
  const asking = new Asking()
  for (const transport of ['udp', 'tcp'] as const) {
    asking.ask(5, transport, { endpoint: '127.0.0.1:9' as Endpoint })
    assert.deepEqual(await asking.next(), { ask: 5 })
  }
})

test('an interface that is not there fails', async () => {
  const asking = new Asking()
  for (const transport of ['udp', 'tcp'] as const) {
    asking.ask(6, transport, { endpoint: '127.0.0.1:9' as Endpoint, interfaceName: 'nowhere9' })
    assert.deepEqual(await asking.next(), { ask: 6 })
  }
  assert.equal(asking.client.size, 0)
})

test('a resolver that says more than it sends fails', async () => {
  await using server = await TcpServer.open((socket) => socket.end(Uint8Array.of(0xff, 0xff, 1, 2)))
  const asking = new Asking()
  asking.ask(7, 'tcp', server.upstream())
  assert.deepEqual(await asking.next(), { ask: 7 })
})

test('who was not asked is not heard', async () => {
  let asker: RemoteInfo | undefined
  await using other = await UdpServer.open(() => undefined)
  await using server = await UdpServer.open((from, reply) => {
    asker = from
    other.send(Uint8Array.of(9), from, () => reply(ANSWER))
  })
  const asking = new Asking()
  asking.ask(8, 'udp', server.upstream())
  assert.deepEqual(await asking.next(), { ask: 8, message: ANSWER })
  assert.ok(asker !== undefined)
  asking.client.close()
})

test('each question has a port of its own', async () => {
  const ports = new Set<number>()
  await using server = await UdpServer.open((from, reply) => {
    ports.add(from.port)
    reply(ANSWER)
  })
  const asking = new Asking()
  for (let ask = 1; ask <= 20; ask++) {
    asking.ask(ask, 'udp', server.upstream())
    await asking.next()
  }
  assert.equal(ports.size, 20)
  asking.client.close()
})

class Asking {
  readonly #heard: { ask: number; message?: Uint8Array }[] = []
  #wake: () => void = () => undefined
  readonly client = new DnsClient({
    onAnswer: (ask, message) => this.#hear({ ask, message }),
    onFailed: (ask) => this.#hear({ ask }),
  })

  ask(ask: number, transport: 'udp' | 'tcp', upstream: UpstreamResolver): void {
    this.client.ask({ kind: 'ask', ask, transport, upstream, message: QUESTION })
  }

  async next(): Promise<{ ask: number; message?: Uint8Array }> {
    for (;;) {
      const heard = this.#heard.shift()
      if (heard !== undefined) return heard
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #hear(heard: { ask: number; message?: Uint8Array }): void {
    this.#heard.push(heard)
    this.#wake()
  }
}

class UdpServer {
  readonly #socket = createSocket('udp4')

  static async open(onQuestion: (from: RemoteInfo, reply: (answer: Uint8Array) => void) => void): Promise<UdpServer> {
    const server = new UdpServer()
    const socket = server.#socket
    socket.on('message', (_, from) => onQuestion(from, (answer) => socket.send(answer, from.port, from.address)))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return server
  }

  upstream(interfaceName?: string): UpstreamResolver {
    const endpoint = `127.0.0.1:${this.#socket.address().port}` as Endpoint
    return interfaceName === undefined ? { endpoint } : { endpoint, interfaceName }
  }

  send(message: Uint8Array, to: RemoteInfo, done: () => void): void {
    this.#socket.send(message, to.port, to.address, done)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
  }
}

class TcpServer {
  readonly received: number[] = []
  readonly #server = createServer((socket) => this.#serve(socket))
  readonly #answer: (socket: Socket) => void

  private constructor(answer: (socket: Socket) => void) {
    this.#answer = answer
  }

  static async open(answer: (socket: Socket) => void): Promise<TcpServer> {
    const server = new TcpServer(answer)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  upstream(interfaceName?: string): UpstreamResolver {
    const address = this.#server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const endpoint = `127.0.0.1:${address.port}` as Endpoint
    return interfaceName === undefined ? { endpoint } : { endpoint, interfaceName }
  }

  #serve(socket: Socket): void {
    socket.on('error', () => undefined)
    socket.once('data', (data) => {
      this.received.push(...Buffer.from(data))
      this.#answer(socket)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
  }
}
