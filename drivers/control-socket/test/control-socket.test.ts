import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import { silentLogger } from '@weft/base'
import { missing } from '@weft/testing/requirements'
import { ControlError, type ControlServer, callControl, controlMethod, serveControl } from '../src/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-control-'))
chmodSync(directory, 0o755)
after(() => rmSync(directory, { recursive: true, force: true }))
const path = join(directory, 'agent.sock')

describe('a request', () => {
  served()

  it('is answered with what the method returns', async () => {
    assert.deepEqual(await callControl(path, 'add', { a: 2, b: 3 }), { sum: 5 })
    assert.equal(await callControl(path, 'nothing', {}), null)
  })

  it('brings the caller, as the kernel knows it', async () => {
    assert.deepEqual(await callControl(path, 'who', {}), { uid: process.getuid?.() })
  })

  it('with wrong parameters is refused in one line that names them', async () => {
    await assert.rejects(
      callControl(path, 'add', { a: 'two', b: 3 }),
      controlError('bad-request', /a: expected a number/),
    )
    await assert.rejects(callControl(path, 'nothing', { surplus: 1 }), controlError('bad-request', /takes none/))
  })

  it('for a method that is not there learns those that are', async () => {
    await assert.rejects(
      callControl(path, 'toString', {}),
      controlError('unknown-method', /there are: add, count, end,/),
    )
  })

  it('gets the code and the message that a method throws, and no stack', async () => {
    await assert.rejects(callControl(path, 'refuse', {}), controlError('link-used', /^the link was used$/))
    await assert.rejects(callControl(path, 'fail', {}), controlError('failed', /^went wrong$/))
  })

  it('hears the lines of a method as they come, then its result', async () => {
    const lines: unknown[] = []
    const result = await callControl(path, 'count', { to: 3 }, { onLine: (line) => lines.push(line) })
    assert.deepEqual([lines, result], [[1, 2, 3], 'counted'])
  })

  it('whose client goes away is aborted', async () => {
    const controller = new AbortController()
    const call = callControl(path, 'endless', {}, { signal: controller.signal, onLine: () => controller.abort() })
    await assert.rejects(call, { name: 'AbortError' })
    await until(() => aborted === 1)
  })
})

describe('junk at the socket', () => {
  served()

  for (const [name, bytes, reason] of [
    ['random bytes', Buffer.from('\x00\xff\x16\x03\x01 what\r\n\r\n', 'latin1'), 'malformed'],
    ['an endless head', Buffer.from(`POST /v1/add HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`), 'malformed'],
    [
      'a truncated body',
      Buffer.from('POST /v1/write HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{"a"'),
      'malformed',
    ],
    ['no JSON', httpPost('write', '{"a"'), 'bad-request'],
    ['no UTF-8', httpPost('write', Buffer.from([0x22, 0xff, 0x22])), 'bad-request'],
    ['too large a body', httpPost('write', Buffer.alloc(2_100_000, 0x20)), 'too-large'],
    ['GET', Buffer.from('GET /v1/write HTTP/1.1\r\nhost: x\r\n\r\n'), 'bad-request'],
    ['another path', httpPost('../etc/passwd', '{}'), 'unknown-method'],
  ] as const) {
    it(`is counted and changes nothing: ${name}`, async () => {
      const before = server.refusals()[reason]
      await sendRaw(bytes)
      await until(() => server.refusals()[reason] === before + 1)
      assert.equal(written, 0)
      assert.deepEqual(await callControl(path, 'add', { a: 1, b: 1 }), { sum: 2 })
    })
  }

  it('does not keep others out: one user has so many connections and no more', async () => {
    const sockets = Array.from({ length: 32 }, () => connect({ path }))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    await assert.rejects(callControl(path, 'add', { a: 1, b: 1 }), controlError('failed', /no answer/))
    assert.equal(server.refusals()['too-many-connections'], 1)
    for (const socket of sockets) socket.destroy()
    await until(() =>
      callControl(path, 'add', { a: 1, b: 1 }).then(
        () => true,
        () => false,
      ),
    )
  })
})

describe('another user of the machine', {
  skip: missing('root'),
}, () => {
  served()

  it('may read, and may not change', async () => {
    assert.equal(await callAsNobody('who'), '{"result":{"uid":65534}}\n')
    assert.match(await callAsNobody('write'), /"code":"denied".*root/)
    assert.equal(written, 0)
    assert.equal(server.refusals().denied, 1)
  })
})

describe('the socket file', () => {
  it('is there while it is served, for everyone, and gone afterwards', async () => {
    const running = await serve()
    assert.equal(statSync(path).mode & 0o777, 0o666)
    await running.close()
    assert.equal(existsSync(path), false)
  })

  it('that a killed program left is replaced', async () => {
    const killed = await spawnListener()
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    assert.ok(existsSync(path))
    const running = await serve()
    assert.deepEqual(await callControl(path, 'add', { a: 1, b: 1 }), { sum: 2 })
    await running.close()
  })

  it('at which another answers is left alone', async () => {
    const other = createServer().listen(path)
    await once(other, 'listening')
    await assert.rejects(serve(), controlError('socket-busy', /another weft answers/))
    assert.ok(existsSync(path))
    other.close()
  })

  it('is got by one of two that start at once', async () => {
    const outcomes = await Promise.allSettled([serve(), serve()])
    const running = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.equal(running.length, 1)
    await running[0]?.value.close()
  })

  it('is never put over a file of another kind', async () => {
    writeFileSync(path, 'precious')
    await assert.rejects(serve(), controlError('socket-unusable', /is no socket/))
    assert.equal(readFileSync(path, 'utf8'), 'precious')
    rmSync(path)
  })

  it('brings its directory, but none above that', async () => {
    const running = await serveControl({ path: join(directory, 'new/agent.sock'), methods, logger: silentLogger })
    assert.equal(statSync(join(directory, 'new')).mode & 0o777, 0o755)
    await running.close()
    for (const missing of [join(directory, 'a/b/agent.sock'), '/proc/weft/agent.sock'])
      await assert.rejects(
        serveControl({ path: missing, methods, logger: silentLogger }),
        controlError('socket-unusable', /cannot listen at .* is missing/),
      )
  })

  it('has a path that fits', async () => {
    const long = join(directory, 'x'.repeat(120))
    await assert.rejects(
      serveControl({ path: long, methods, logger: silentLogger }),
      controlError('socket-unusable', /107/),
    )
    await assert.rejects(callControl(long, 'add', {}), controlError('socket-unusable', /107/))
  })

  it('that is missing, or that nobody listens at, means: not running', async () => {
    await assert.rejects(
      callControl(join(directory, 'none.sock'), 'add', {}),
      controlError('not-running', /is weft running/),
    )
  })
})

describe('closing', () => {
  it('aborts what is under way and ends it', async () => {
    const running = await serve()
    const call = callControl(path, 'endless', {}, { onLine: () => void running.close() })
    await assert.rejects(call, (error: unknown) => error instanceof ControlError)
    assert.equal(aborted, 1)
  })

  it('waits for the answer of a method that ends the program', async () => {
    const running = await serve()
    closing = () => running.close()
    assert.equal(await callControl(path, 'end', {}), 'ended')
  })
})

let server: ControlServer
let written = 0
let aborted = 0
let closing: () => Promise<void> = async () => {}

const nothing = {
  parse(value: unknown): undefined {
    if (typeof value !== 'object' || value === null || Object.keys(value).length > 0) throw new Error('takes none')
    return undefined
  },
}
const numbers = {
  parse(value: unknown): Readonly<Record<string, number>> {
    for (const [name, part] of Object.entries(value as object)) {
      if (typeof part !== 'number')
        throw Object.assign(new Error('[\n many lines\n]'), {
          issues: [{ path: [name], message: 'expected a number' }],
        })
    }
    return value as Readonly<Record<string, number>>
  },
}

const methods = {
  add: controlMethod({ access: 'read', params: numbers, run: async ({ a = 0, b = 0 }) => ({ sum: a + b }) }),
  nothing: controlMethod({ access: 'read', params: nothing, run: async () => undefined }),
  who: controlMethod({ access: 'read', params: nothing, run: async (_, { uid }) => ({ uid }) }),
  write: controlMethod({ access: 'change', params: { parse: (value) => value }, run: async () => ++written }),
  refuse: controlMethod({
    access: 'read',
    params: nothing,
    run: async () => {
      throw new ControlError('link-used', 'the link was used')
    },
  }),
  fail: controlMethod({
    access: 'read',
    params: nothing,
    run: async () => {
      throw new Error('went\n wrong')
    },
  }),
  count: controlMethod({
    access: 'read',
    params: numbers,
    run: async ({ to = 0 }, { emit }) => {
      for (let number = 1; number <= to; number++) emit(number)
      return 'counted'
    },
  }),
  endless: controlMethod({
    access: 'read',
    params: nothing,
    run: async (_, { signal, emit }) => {
      emit('begun')
      await once(signal, 'abort')
      aborted++
      throw new Error('was stopped')
    },
  }),
  end: controlMethod({
    access: 'read',
    params: nothing,
    run: async () => {
      void closing()
      return 'ended'
    },
  }),
}

function serve(): Promise<ControlServer> {
  written = 0
  aborted = 0
  return serveControl({ path, methods, logger: silentLogger })
}

function served(): void {
  beforeEach(async () => {
    server = await serve()
  })
  afterEach(() => server.close())
}

function httpPost(method: string, body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([
    Buffer.from(`POST /v1/${method} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n\r\n`),
    bytes,
  ])
}

async function sendRaw(bytes: Uint8Array): Promise<void> {
  const socket = connect({ path })
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await once(socket, 'close')
}

async function callAsNobody(method: string): Promise<string> {
  const client = spawn(process.execPath, ['-e', rawClient, path, method], { uid: 65534, gid: 65534, cwd: '/' })
  client.stderr.pipe(process.stderr)
  return (await client.stdout.setEncoding('utf8').toArray()).join('')
}

const rawClient = `
const [path, method] = process.argv.slice(1)
const request = require('node:http').request({ socketPath: path, path: '/v1/' + method, method: 'POST' })
request.on('response', (response) => response.pipe(process.stdout)).end('{}')`

async function spawnListener(): Promise<ChildProcess> {
  const script = 'require("node:net").createServer().listen(process.argv[1], () => console.log("listening"))'
  const listener = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(listener.stdout, 'data')
  return listener
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 5_000
  while (!(await condition())) {
    assert.ok(Date.now() < end, `never came true: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function controlError(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof ControlError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}
