import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textFrom } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@weft/base'
import { ControlError, type ControlMethod, serveControl } from '@weft/control-socket'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { createAccountCertificate, encodeRootFile, readRootFile } from '@weft/identity'
import { PrivateKey } from '@weft/keys'

const program = fileURLToPath(import.meta.resolve('../src/main.ts'))
const directory = mkdtempSync(join(tmpdir(), 'weft-root-'))
after(() => rmSync(directory, { recursive: true }))

test('the root key leaves the server only once its file lies on the disk, whole and for its owner', async () => {
  const file = join(directory, 'first.root')
  let seen = ''
  await using server = await holder({
    forget: (digest) => {
      assert.equal(statSync(file).mode & 0o777, 0o600)
      seen = readFileSync(file, 'utf8')
      assert.equal(digest, digestOf(seen))
    },
  })
  const { code, stdout } = await weft('root', 'export', file, '--state', server.directory)
  assert.equal(code, 0)
  assert.equal(seen, server.text)
  assert.match(stdout, /no more on the server/)
  assert.match(stdout, /Backups from before hold the key too, and whoever reads one can let devices in/)
  const { stdout: again } = await weft('root', 'export', file, '--state', server.directory, '--json')
  assert.deepEqual(JSON.parse(again), { file, mesh: server.mesh, from: 'server' })
})

test('a move that was cut short goes on with the same file, and never with another’s', async () => {
  const file = join(directory, 'second.root')
  let isCut = true
  await using server = await holder({
    forget: () => {
      if (isCut) throw new ControlError('failed', 'the power went')
    },
  })
  assert.deepEqual(
    [(await weft('root', 'export', file, '--state', server.directory)).code, server.isThere()],
    [1, true],
  )
  assert.equal(readFileSync(file, 'utf8'), server.text)
  isCut = false
  assert.equal((await weft('root', 'export', file, '--state', server.directory)).code, 0)
  assert.equal(server.isThere(), false)

  await using other = await holder({})
  const refused = await weft('root', 'export', file, '--state', other.directory)
  assert.deepEqual([refused.code, other.isThere()], [1, true])
  assert.match(refused.stderr, /^weft: .*second\.root is there already, with other keys; name another file\n$/)
  writeFileSync(file, server.text.slice(0, 100))
  const torn = await weft('root', 'export', file, '--state', other.directory)
  assert.deepEqual([torn.code, other.isThere()], [1, true])
  assert.match(torn.stderr, /^weft: [^\n]+damaged[^\n]+\n$/)
  assert.equal(readFileSync(file, 'utf8').length, 100, 'what was there stays')
})

test('a root key that was moved before is told so, by its file or without', async () => {
  const file = join(directory, 'third.root')
  await using server = await holder({})
  assert.equal((await weft('root', 'export', file, '--state', server.directory)).code, 0)
  const elsewhere = await weft('root', 'export', join(directory, 'fourth.root'), '--state', server.directory)
  assert.deepEqual([elsewhere.code, existsSync(join(directory, 'fourth.root'))], [1, false])
  assert.match(elsewhere.stderr, /^weft: [^\n]*moved[^\n]*\n$/)
  await using other = await holder({})
  assert.equal((await weft('root', 'export', join(directory, 'fifth.root'), '--state', other.directory)).code, 0)
  const foreign = await weft('root', 'export', file, '--state', other.directory)
  assert.equal(foreign.code, 1)
  assert.match(foreign.stderr, /of another mesh/)
})

test('a file that cannot be written leaves the key where it is', async () => {
  await using server = await holder({})
  const { code, stderr } = await weft('root', 'export', join(directory, 'no', 'such'), '--state', server.directory)
  assert.deepEqual([code, server.isThere()], [1, true])
  assert.match(stderr, /^weft: cannot write [^\n]+\n$/)
})

test('import hands the file over as it is, and says what is wrong with one that cannot be read', async () => {
  const file = join(directory, 'import.root')
  await using device = await holder({ name: 'agent.sock' })
  const text = device.text
  writeFileSync(file, text, { mode: 0o600 })
  const { code, stdout, stderr } = await weft('root', 'import', file, '--socket', device.socket)
  assert.deepEqual([code, stderr, device.imported()], [0, '', text])
  assert.match(stdout, /on this device now/)
  chmodSync(file, 0o644)
  assert.match((await weft('root', 'import', file, '--socket', device.socket)).stderr, /^weft: .*chmod 600/)
  const missing = await weft('root', 'import', join(directory, 'none'), '--socket', device.socket)
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /^weft: cannot read [^\n]*there is no such file[^\n]*\n$/)
})

test('link create with a root file hands in a certificate, and never the seed', async () => {
  const file = join(directory, 'link.root')
  await using device = await holder({ name: 'agent.sock' })
  writeFileSync(file, device.text, { mode: 0o600 })
  const options = ['--reusable', '--tag', 'lab', '--expires', '1h', '--socket', device.socket]
  const { code, stdout, stderr } = await weft('link', 'create', '--root', file, ...options)
  assert.deepEqual([code, stderr], [0, ''])
  const [deposited] = device.deposits()
  assert.equal(deposited?.reusable, true)
  const { readLink, readCertificate } = await import('@weft/identity')
  const link = readLink(stdout, crypto)
  const certificate = readCertificate(Uint8Array.fromBase64(deposited?.certificate ?? ''), crypto)
  assert.equal(certificate.subject, link.seed.publicKey(crypto) as string)
  assert.deepEqual([link.mesh, certificate.tags], [device.mesh, ['lab']])
  assert.ok(!JSON.stringify(deposited).includes(link.seed.expose().toBase64().slice(0, 40)))
  await using other = await holder({ name: 'agent.sock' })
  const foreign = await weft('link', 'create', '--root', file, '--socket', other.socket)
  assert.deepEqual([foreign.code, other.deposits().length], [1, 0])
  assert.match(foreign.stderr, /^weft: this root file is of the mesh [^\n]+\n$/)
})

const digestOf = (text: string): string => crypto.sha256(new TextEncoder().encode(text)).toHex()

let holders = 0

/** A server or an agent, as far as the command sees one. */
async function holder({
  forget = () => {},
  name = 'coordinator.sock',
}: {
  readonly forget?: (digest: string) => void
  readonly name?: string
}) {
  const root = PrivateKey.generate('root', random)
  const account = PrivateKey.generate('account', random)
  const at = Math.floor(Date.now() / 1000)
  const certificate = createAccountCertificate({ account: account.publicKey(crypto), root, at, crypto })
  const text = encodeRootFile({ root, accounts: [{ name: 'owner', key: account, certificate }] }, crypto)
  const { mesh } = readRootFile(text, crypto)
  const { accountIdOf } = await import('@weft/keys')
  const own = join(directory, String(holders++))
  const deposits: { certificate: string; reusable: boolean }[] = []
  let isThere = true
  let imported = ''
  const methods: Record<string, (params: never) => unknown> = {
    status: () => ({ mesh, self: { mesh } }),
    'root-export': () => {
      if (!isThere) throw new ControlError('not-found', 'it was moved before')
      return { text }
    },
    'root-forget': ({ digest }: { readonly digest: string }) => {
      forget(digest)
      isThere = false
    },
    'root-import': (params: { readonly text: string }) => {
      imported = params.text
    },
    'link-place': () => ({
      account: accountIdOf(account.publicKey(crypto), crypto),
      coordinatorKey: PrivateKey.generate('coordinator', random).publicKey(crypto),
      endpoints: ['192.0.2.1:7480', 'https://weft.example'],
    }),
    'link-deposit': (params: (typeof deposits)[number]) => {
      deposits.push(params)
      return { id: 'abc', expires: '2030-01-01T00:00:00.000Z', reusable: params.reusable }
    },
  }
  const served = Object.entries(methods).map(([method, run]): [string, ControlMethod] => [
    method,
    { access: 'change', params: { parse: (value) => value }, run: async (params) => run(params as never) },
  ])
  const socket = join(own, name)
  const server = await serveControl({ path: socket, methods: Object.fromEntries(served), logger: silentLogger })
  return {
    directory: own,
    socket,
    text,
    mesh,
    isThere: () => isThere,
    imported: () => imported,
    deposits: () => deposits,
    [Symbol.asyncDispose]: () => server.close(),
  }
}

async function weft(...args: readonly string[]) {
  const { WEFT_SOCKET: _, ...env } = process.env
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([
    textFrom(child.stdout),
    textFrom(child.stderr),
    once(child, 'exit'),
  ])
  return { code: code as number, stdout, stderr }
}
