import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@weft/base'
import { ControlError, type ControlMethod, serveControl } from '@weft/control-socket'
import { missing } from '@weft/testing/requirements'

const program = fileURLToPath(import.meta.resolve('../src/main.ts'))
const directory = mkdtempSync(join(tmpdir(), 'weft-cli-'))
after(() => rmSync(directory, { recursive: true }))

test('wrong usage ends with 2 and one line that says what is right', async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['stauts', /unknown command 'stauts'; did you mean status\?/],
    ['status --jsn', /unknown option '--jsn'; did you mean --json\?/],
    ['status extra', /too many arguments .*see weft status --help/],
    ['ping', /missing required argument 'peer'; see weft ping --help/],
    ['link creat', /unknown command 'creat'; did you mean create\?/],
    ['link create --expires soon', /90m, 24h, 7d; see weft link create --help/],
    ['serve --listen 7480', /\[::\]:7480/],
    ['up --port 0', /from 1 to 65535/],
    ['serve --only relay', /--mesh FILE go together; see weft serve --help/],
    ['serve --only coordinator', /relay/],
    ['serve --only relay --mesh mesh.json --tun weft1', /cannot be used with/],
    ['relay add relay.example.org', /https:/],
  ]
  await Promise.all(
    table.map(async ([line, expected]) => {
      const { code, stdout, stderr } = await weft(...line.split(' '))
      assert.equal(code, 2, line)
      assert.equal(stdout, '')
      assert.match(stderr, expected)
      assert.match(stderr, /^weft: [^\n]+\n$/)
    }),
  )
})

test('in a terminal a complaint breaks between words', { skip: missing('script') }, async () => {
  const typed = `stty cols 40; exec ${process.execPath} ${program} status --socket ${join(directory, 'none.sock')}`
  const child = spawn('script', ['-qfc', typed, '/dev/null'], { env: { ...process.env, SHELL: '/bin/sh' } })
  const shown = await text(child.stdout)
  assert.match(shown, /^weft: no agent answers at\r\n {4}\S+\/none\.sock;/)
})

test('help and version go to standard output and end with 0', async () => {
  const verbs = [
    'serve',
    'agent',
    'up',
    'down',
    'status',
    'ping',
    'link create',
    'link list',
    'link revoke',
    'relay add',
    'relay describe',
    'trust',
  ]
  await Promise.all(
    verbs.map(async (verb) => {
      const { code, stdout } = await weft(...verb.split(' '), '--help')
      assert.equal(code, 0)
      assert.match(stdout, /Examples:\n {2}\S/)
    }),
  )
  const version = await weft('--version')
  assert.match(version.stdout, /^weft \d+\.\d+\.\d+\n$/)
  assert.equal((await weft('help', 'status')).code, 0)
  assert.equal((await weft()).code, 2)
})

test('without an agent every verb that asks one fails with one line', async () => {
  const socket = join(directory, 'nobody.sock')
  for (const verb of ['status', 'down', 'ping nas', 'link list']) {
    const { code, stdout, stderr } = await weft(...verb.split(' '), '--socket', socket)
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.equal(stderr, `weft: no agent answers at ${socket}; start one with: sudo weft up\n`)
  }
})

test('up without link and membership, and with a mistyped link, starts and leaves nothing', async () => {
  const state = join(directory, 'untouched')
  for (const link of [[], ['weft://mistyped']]) {
    const { code, stderr } = await weft('up', ...link, '--state', state, '--socket', join(directory, 'nobody.sock'))
    assert.equal(code, 1)
    assert.match(stderr, /^weft: [^\n]+\n$/)
    assert.doesNotMatch(stderr, /unexpected/)
    assert.ok(!existsSync(state))
  }
})

test('status --json passes the agent’s answer on, also by $WEFT_SOCKET', async () => {
  const answer = { state: 'not-joined', self: null, coordinator: null, relay: null, peers: [] }
  await using agent = await answering({ status: async () => answer })
  const { code, stdout } = await weft('status', '--json', '--socket', agent.socket)
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), answer)
  const byEnvironment = await weftWith({ WEFT_SOCKET: agent.socket }, 'status')
  assert.match(byEnvironment.stdout, /belongs to no mesh/)
})

test('an agent’s own error is one line and ends with 1', async () => {
  await using agent = await answering({
    ping: async () => {
      throw new ControlError('unknown-peer', 'no peer is called nas; weft status lists them')
    },
  })
  const { code, stderr } = await weft('ping', 'nas', '--socket', agent.socket)
  assert.equal(code, 1)
  assert.equal(stderr, 'weft: no peer is called nas; weft status lists them\n')
})

test('ping prints each answer as it comes and ends with 1 where none came', async () => {
  const line = { sequence: 1, address: '100.64.1.2', path: { kind: 'direct' } }
  await using agent = await answering({
    ping: async ({ count }, { emit }) => {
      emit(count === 1 ? { ...line, rttMs: 1 } : line)
      return { sent: 1, received: count === 1 ? 1 : 0 }
    },
  })
  const answered = await weft('ping', 'nas', '-c', '1', '--json', '--socket', agent.socket)
  assert.equal(answered.code, 0)
  const [first, summary] = answered.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text))
  assert.deepEqual(first, { ...line, rttMs: 1 })
  assert.equal(summary.received, 1)
  const silent = await weft('ping', 'nas', '-c', '2', '--socket', agent.socket)
  assert.equal(silent.code, 1)
  assert.match(silent.stderr, /^weft: nas did not answer; [^\n]+\n$/)
})

test('Ctrl-C ends an endless ping with its summary', async () => {
  await using agent = await answering({
    ping: async (_, { emit, signal }) => {
      emit({ sequence: 1, address: '100.64.1.2', rttMs: 1, path: { kind: 'direct' } })
      await once(signal, 'abort')
      return {}
    },
  })
  const child = start({}, 'ping', 'nas', '--socket', agent.socket)
  const output = text(child.stdout)
  child.stdout.once('data', () => child.kill('SIGINT'))
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.match(await output, /1 of 1 answered/)
})

test('link create prints the link alone, sends what was asked, and --state asks the coordinator', async () => {
  const asked: unknown[] = []
  const created = { id: '1', link: 'weft://abc', expires: '2030-01-01T00:00:00.000Z', reusable: true, more: 1 }
  const methods = {
    'link-create': async (params: unknown) => {
      asked.push(params)
      return created
    },
  }
  await using agent = await answering(methods)
  const options = ['--reusable', '--expires', '1h', '--tag', 'lab', '--tag', 'web', '--socket', agent.socket]
  assert.equal((await weft('link', 'create', ...options)).stdout, 'weft://abc\n')
  await using coordinator = await answering(methods, 'coordinator.sock')
  const direct = await weft('link', 'create', '--json', '--state', coordinator.directory)
  assert.deepEqual(JSON.parse(direct.stdout), { id: '1', link: 'weft://abc', expires: created.expires, reusable: true })
  assert.deepEqual(asked, [
    { reusable: true, expiresSeconds: 3600, tags: ['lab', 'web'] },
    { reusable: false, expiresSeconds: 86_400, tags: [] },
  ])
})

test('trust asks for the peer by what was typed, and says what is whose now', async () => {
  const before = { id: '77aa11bb22cc33dd', name: null, seen: '1970-01-01T00:00:00.000Z' }
  const trusted = { id: 'ab'.repeat(16), name: 'nas', owner: 'me', moved: [{ kind: 'name', value: 'nas', before }] }
  const asked: unknown[] = []
  await using agent = await answering({
    trust: async (params) => {
      asked.push(params)
      return asked.length === 3 ? { ...trusted, moved: [] } : trusted
    },
  })
  const { code, stdout } = await weft('trust', 'nas', '--socket', agent.socket)
  assert.equal(code, 0)
  assert.equal(stdout, `name nas was 77aa11bb, and is now ${trusted.id}, a device of me\n`)
  const machine = await weft('trust', 'nas.weft', '--json', '--socket', agent.socket)
  assert.deepEqual(JSON.parse(machine.stdout), trusted)
  assert.match((await weft('trust', trusted.id, '--socket', agent.socket)).stdout, /^nas has its name and address/)
  assert.deepEqual(asked, [{ peer: 'nas' }, { peer: 'nas.weft' }, { peer: trusted.id }])
})

test('up reads a link from standard input, and refuses one that holds none', async () => {
  const child = start({}, 'up', '-', '--socket', join(directory, 'nobody.sock'))
  const errors = text(child.stderr)
  child.stdin.end('\n')
  assert.equal((await once(child, 'exit'))[0], 1)
  assert.match(await errors, /standard input held no link/)
})

test('a reader that has seen enough is no failure', async () => {
  await using agent = await answering({ status: async () => ({ filler: 'x'.repeat(2 ** 20) }) })
  const child = start({}, 'status', '--json', '--socket', agent.socket)
  const errors = text(child.stderr)
  child.stdout.destroy()
  assert.equal((await once(child, 'exit'))[0], 0)
  assert.equal(await errors, '')
})

test('a verb that asks the agent loads neither schemas nor a web server', async () => {
  const { stderr } = await weftWith({ NODE_DEBUG: 'esm' }, 'status', '--socket', join(directory, 'nobody.sock'))
  assert.match(stderr, /node_modules\/commander\//)
  assert.match(stderr, /node_modules\/commander\//)
  assert.doesNotMatch(stderr, /node_modules\/(zod|fastify|qrcode|ws)\//)
})

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const weft = (...args: readonly string[]): Promise<Result> => weftWith({}, ...args)

async function weftWith(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Result> {
  const child = start(environment, ...args)
  child.stdin.end()
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, stdout, stderr }
}

function start(environment: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const { WEFT_SOCKET: _, ...rest } = process.env
  return spawn(process.execPath, [program, ...args], { env: { ...rest, ...environment }, stdio: 'pipe' })
}

type Run = (params: { readonly count?: number }, context: Parameters<ControlMethod['run']>[1]) => Promise<unknown>

let agents = 0

/** An agent, as far as the command sees one: what it answers at its socket. */
async function answering(
  methods: Readonly<Record<string, Run>>,
  name = 'agent.sock',
): Promise<AsyncDisposable & { readonly socket: string; readonly directory: string }> {
  const own = join(directory, String(agents++))
  const socket = join(own, name)
  const served = Object.entries(methods).map(([method, run]): [string, ControlMethod] => [
    method,
    { access: 'read', params: { parse: (value) => value }, run: (params, context) => run(params as object, context) },
  ])
  const server = await serveControl({ path: socket, methods: Object.fromEntries(served), logger: silentLogger })
  return { socket, directory: own, [Symbol.asyncDispose]: () => server.close() }
}
