import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { datagramsOf, runOf, silentLogger, utf8 } from '@weft/base'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createCertificate, encodeChain } from '@weft/identity'
import { meshIdOf, type NodeId, nodeIdOf, PrivateKey } from '@weft/keys'
import { systemClock } from '@weft/linux'
import { defaultRelayLimits, type RelayLimits, RelayServer } from '@weft/relay'
import { RelayClient } from '@weft/relay-protocol'
import { WebSocket } from 'ws'

const RELAY = '0123456789abcdef0123456789abcdef' as NodeId

test('carries datagrams between members in order, over real WebSockets', async () => {
  await using relay = await TestRelay.start()
  await using alice = await relay.join()
  await using bob = await relay.join()
  const texts = Array.from({ length: 1_000 }, (_, i) => `datagram ${i}`)
  for (const text of texts) alice.send(bob.id, text)
  await until(() => bob.heard.length === texts.length)
  assert.deepEqual(bob.heard, texts)
  assert.equal(relay.server.status().nodes, 2)
})

test('who belongs to another mesh is hung up on', async () => {
  await using relay = await TestRelay.start()
  await using eve = await relay.join(PrivateKey.generate('root', random), 'away')
  assert.equal(eve.state, 'away')
  assert.equal(relay.server.status().nodes, 0)
  assert.equal(relay.server.status().dropped['admission-refused'], 1)
})

test('a node that reads nothing costs no more than its room, and hurts nobody else', async () => {
  await using relay = await TestRelay.start()
  await using alice = await relay.join()
  await using bob = await relay.join()
  await using stuck = await relay.join()
  stuck.pause()
  const text = 'x'.repeat(1_200)
  for (let i = 0; i < 20_000; i++) alice.send(stuck.id, text)
  alice.send(bob.id, 'still here?')
  await until(() => bob.heard.length === 1)
  assert.ok((relay.server.status().dropped['dropped-full'] ?? 0) > 1_000)
})

test('strangers have their number, also from one address', async () => {
  await using relay = await TestRelay.start({ ...defaultRelayLimits, strangersOfOneAddress: 2 })
  const sockets = [1, 2].map(() => new WebSocket(relay.url, 'weft.relay.1'))
  await Promise.all(sockets.map((socket) => once(socket, 'open')))
  const third = new WebSocket(relay.url, 'weft.relay.1')
  const [error] = (await once(third, 'error')) as [Error]
  assert.match(error.message, /503/)
  for (const socket of sockets) socket.terminate()
})

test('text, junk and another protocol are refused', async () => {
  await using relay = await TestRelay.start()
  const text = new WebSocket(relay.url, 'weft.relay.1')
  await once(text, 'open')
  text.send('hello')
  assert.equal((await once(text, 'close'))[0], 1003)
  const junk = new WebSocket(relay.url, 'weft.relay.1')
  await once(junk, 'open')
  junk.send(Uint8Array.of(1, 2, 3, 4, 5))
  assert.equal((await once(junk, 'close'))[0], 1008)
  const other = new WebSocket(relay.url, 'weft.channel.1')
  assert.match(((await once(other, 'error')) as [Error])[0].message, /400/)
})

test('says good-bye before it closes', async () => {
  const relay = await TestRelay.start()
  await using alice = await relay.join()
  await relay[Symbol.asyncDispose]()
  await until(() => alice.state === 'away')
  assert.match(alice.reason, /closing/)
})

class TestRelay implements AsyncDisposable {
  readonly server: RelayServer
  readonly url: string
  readonly root: PrivateKey<'root'>
  readonly #http: Server

  private constructor(server: RelayServer, http: Server, root: PrivateKey<'root'>) {
    this.server = server
    this.#http = http
    this.root = root
    this.url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/v1/relay`
  }

  static async start(limits?: RelayLimits): Promise<TestRelay> {
    const root = PrivateKey.generate('root', random)
    const mesh = meshIdOf(root.publicKey(crypto), crypto)
    const options = { mesh, id: RELAY, clock: systemClock, logger: silentLogger }
    const server = new RelayServer(limits === undefined ? options : { ...options, limits })
    const http = createServer()
    http.on('upgrade', (request, socket, head) => server.upgrade(request, socket, head))
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    return new TestRelay(server, http, root)
  }

  async join(root = this.root, state = 'connected'): Promise<TestClient> {
    const client = new TestClient(this.url, root)
    await until(() => client.state === state)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close()
    this.#http.close()
  }
}

/** A `RelayClient` with one WebSocket and no timer. */
class TestClient implements AsyncDisposable {
  readonly id: NodeId
  readonly heard: string[] = []
  state = ''
  reason = ''
  readonly #client: RelayClient<string>
  #socket: WebSocket | undefined

  constructor(url: string, root: PrivateKey<'root'>) {
    const identity = PrivateKey.generate('identity', random)
    this.id = nodeIdOf(identity.publicKey(crypto), crypto)
    this.#client = new RelayClient({
      crypto,
      random,
      relay: RELAY,
      places: [url],
      visitor: { kind: 'member', chain: chainOf(root, identity), identity },
    })
    this.#client.handle({ kind: 'start' }, systemClock())
    this.#act()
  }

  send(to: NodeId, text: string): void {
    this.#client.handle({ kind: 'send', to, run: runOf(utf8(text)) }, systemClock())
    this.#act()
  }

  pause(): void {
    this.#socket?.pause()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.terminate()
  }

  #act(): void {
    for (let output = this.#client.poll(); output !== undefined; output = this.#client.poll()) {
      if (output.kind === 'connect') this.#connect(output.place, output.connection)
      else if (output.kind === 'disconnect') this.#socket?.terminate()
      else if (output.kind === 'send') this.#socket?.send(output.frames)
      else if (output.kind === 'datagrams')
        this.heard.push(...datagramsOf(output.run).map((datagram) => new TextDecoder().decode(datagram)))
      else if (output.kind === 'state') {
        this.state = output.state
        this.reason = output.state === 'away' ? output.reason : ''
      }
    }
  }

  #connect(url: string, connection: number): void {
    const socket = new WebSocket(url, 'weft.relay.1', { perMessageDeflate: false })
    this.#socket = socket
    socket.on('message', (data) => {
      this.#client.handle({ kind: 'received', connection, message: new Uint8Array(data as Buffer) }, systemClock())
      this.#act()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#client.handle({ kind: 'closed', connection, reason: 'closed' }, systemClock())
      this.#act()
    })
  }
}

function chainOf(root: PrivateKey<'root'>, identity: PrivateKey<'identity'>): Uint8Array {
  const account = PrivateKey.generate('account', random)
  const link = PrivateKey.generate('link', random)
  const now = Math.floor(systemClock().wall / 1000)
  const common = { notBefore: now - 3_600, notAfter: now + 3_600, tags: [] }
  const long = { ...common, grantsUntil: now + 3_600 }
  return encodeChain([
    createCertificate({ kind: 'account', subject: account.publicKey(crypto), ...long }, root, crypto),
    createCertificate({ kind: 'link', subject: link.publicKey(crypto), ...long }, account, crypto),
    createCertificate({ kind: 'device', subject: identity.publicKey(crypto), ...common, grantsUntil: 0 }, link, crypto),
  ])
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
