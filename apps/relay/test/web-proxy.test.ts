import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createWebServer, type IncomingMessage, type Server as WebServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { reasonOf, throughProxy } from '@weft/relay/link'
import { missing } from '@weft/testing/requirements'
import fc from 'fast-check'
import { WebSocket, WebSocketServer } from 'ws'

const TARGET = 'ws://relay.example:443/v1/relay'

test('a WebSocket goes through the proxy that the environment names, with what it asks for', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.after(() => server.close())
  server.on('connection', (socket) => socket.send('hello'))
  await once(server, 'listening')
  const asked: (string | undefined)[] = []
  const proxy = proxyTo(server, (question) => asked.push(question.url, question.headers['proxy-authorization']))
  const at = await listening(t, proxy)
  const socket = opened({ HTTPS_PROXY: `http://ann:s%20ecret@${at}` })
  const [text] = await once(socket, 'message')
  assert.equal(String(text), 'hello')
  assert.deepEqual(asked, ['relay.example:443', `Basic ${Buffer.from('ann:s ecret').toString('base64')}`])
  socket.terminate()
})

test('a secure WebSocket speaks TLS to the server, through the proxy', { skip: missing('openssl') }, async (t) => {
  const { key, cert } = selfSigned(t)
  const web = createSecureServer({ key, cert })
  const server = new WebSocketServer({ server: web })
  server.on('connection', (socket) => socket.send('hello in secret'))
  await listening(t, web)
  const overheard: Buffer[] = []
  const proxy = proxyTo(
    web,
    () => {},
    (bytes) => overheard.push(bytes),
  )
  const socket = opened({ HTTPS_PROXY: await listening(t, proxy) }, 'wss://relay.example/v1/relay')
  const [text] = await once(socket, 'message')
  assert.equal(String(text), 'hello in secret')
  const passed = Buffer.concat(overheard)
  assert.ok(passed.length > 100 && !passed.includes('secret'))
  socket.terminate()
})

test('whatever the environment holds, nothing is thrown', () => {
  const anyUrl = fc.constantFrom(TARGET, 'wss://[2001:db8::7]:8443/x', 'ws://192.0.2.7/')
  fc.assert(
    fc.property(anyUrl, fc.string(), fc.string(), (url, HTTPS_PROXY, NO_PROXY) => {
      const { createConnection } = throughProxy(url, { HTTPS_PROXY, NO_PROXY })
      if (HTTPS_PROXY === '') assert.equal(createConnection, undefined)
      else if (NO_PROXY.trim() === '') assert.ok(createConnection)
    }),
  )
})

for (const [what, answer, expected] of [
  [
    'refuses',
    'HTTP/1.1 403 Forbidden\r\n\r\n',
    /^the proxy 127\.0\.0\.1:\d+ of HTTPS_PROXY refuses with status 403: ask who runs it/,
  ],
  [
    'wants a sign-in',
    'HTTP/1.1 407 Nope\r\n\r\n',
    /wants a name and a password: give http:\/\/NAME:PASSWORD@HOST:PORT/,
  ],
  ['is no proxy', 'SSH-2.0-OpenSSH_9.2\r\n', /answers what is no HTTP: check the address$/],
  ['hangs up', '', /cannot be used: /],
] as const) {
  test(`a proxy that ${what} makes one clear line`, async (t) => {
    const proxy = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    })
    const reason = await failure({ https_proxy: `http://ann:secret@${await listening(t, proxy)}` })
    assert.match(reason, expected)
    assert.doesNotMatch(reason, /secret|\n/)
  })
}

test('a proxy where nothing listens, and one that is written wrong, are said so', async (t) => {
  const gone = createServer()
  const at = await listening(t, gone)
  gone.close()
  assert.match(await failure({ HTTPS_PROXY: at }), /of HTTPS_PROXY cannot be used: nothing listens there$/)
  for (const wrong of ['socks5://127.0.0.1:1080', 'http://', '::'])
    assert.equal(await failure({ HTTPS_PROXY: wrong }), 'HTTPS_PROXY is not understood: give http://HOST:PORT')
})

test('NO_PROXY names hosts, what is under them, addresses and prefixes', () => {
  for (const [list, host, isExempt] of [
    ['', 'relay.example', false],
    ['*', 'relay.example', true],
    ['relay.example', 'RELAY.example', true],
    ['example', 'relay.example', true],
    ['.example, other', 'relay.example', true],
    ['lay.example', 'relay.example', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.0/24', '192.0.2.7', true],
    ['192.0.2.0/24', '198.51.100.7', false],
    ['2001:db8::/32', '[2001:db8::7]', true],
    ['', '127.0.0.1', true],
    ['', '[::1]', true],
    ['', 'localhost', true],
  ] as const) {
    const { createConnection } = throughProxy(`wss://${host}/`, {
      HTTPS_PROXY: 'http://192.0.2.1:3128',
      NO_PROXY: list,
    })
    assert.equal(createConnection === undefined, isExempt, `${host} with NO_PROXY=${list}`)
  }
  assert.deepEqual(throughProxy(TARGET, {}), {})
})

const opened = (environment: Readonly<Record<string, string>>, target = TARGET): WebSocket =>
  new WebSocket(target, { ...throughProxy(target, environment), rejectUnauthorized: false, handshakeTimeout: 5_000 })

/** Whoever it is asked for, it is that server. */
function proxyTo(
  server: { address(): unknown },
  onAsked: (question: IncomingMessage) => void,
  onPassed: (bytes: Buffer) => void = () => {},
): WebServer {
  return createWebServer().on('connect', (question, client) => {
    onAsked(question)
    const inner = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      inner.pipe(client).pipe(inner)
    })
    for (const socket of [inner, client]) socket.on('error', () => inner.destroy()).on('data', onPassed)
  })
}

function selfSigned(t: TestContext): { readonly key: Buffer; readonly cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'weft-proxy-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const [key, cert] = [join(directory, 'key'), join(directory, 'cert')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-subj', '/CN=relay'], {
    stdio: 'ignore',
  })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

async function failure(environment: Readonly<Record<string, string>>): Promise<string> {
  const [error] = await once(opened(environment), 'error')
  return reasonOf(error)
}

async function listening(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
