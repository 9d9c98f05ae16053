import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { toBase64 } from '@weft/base'
import { callControl } from '@weft/control-socket'
import type { Result } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { accountSigner, parseLinkEndpoint, readRootFile, signLink } from '@weft/identity'
import { backUpStopped, restoreBackup } from '../src/index.ts'
import { TestCoordinator } from './test-coordinator.ts'
import { TestNode } from './test-node.ts'

const HOUR = 3_600

describe('a root key that is moved off the server', () => {
  it('leaves neither root nor account key on it, and the server goes on and starts again without', async () => {
    await using mesh = await TestCoordinator.start()
    const link = await mesh.link({ reusable: true })
    const alice = new TestNode(link, 'alice')
    const channel = await alice.enter(mesh.port)
    const secrets = secretsOf(mesh)
    assert.equal(secrets.length, 2)
    const file = await moveRoot(mesh)
    for (const secret of secrets) {
      assert.ok(file.includes(toBase64(secret)), 'the file has it')
      assert.deepEqual(filesWith(mesh, secret), [])
    }
    await channel.request('publish', { endpoints: [] })
    await (await new TestNode(link, 'bob').enter(mesh.port)).close()
    await mesh.stop()
    await mesh.start()
    assert.equal(mesh.running.holdsRoot, false)
    await (await new TestNode(link, 'carol').enter(mesh.port)).close()
    const again = await alice.connect(mesh.port)
    await alice.subscribe(again)
    assert.equal(again.netmap?.peers.length, 2)
  })

  it('makes no link there any more, and says where', async () => {
    await using mesh = await TestCoordinator.start()
    const channel = await new TestNode(await mesh.link(), 'alice').enter(mesh.port)
    await moveRoot(mesh)
    const wish = { reusable: false, expiresSeconds: HOUR, tags: [] }
    const told = { code: 'not-allowed', message: /moved off its server.*--root FILE/ }
    await assert.rejects(mesh.link(), told)
    await assert.rejects(call(mesh, 'link-create', {}), told)
    await assert.rejects(channel.request('link-create', wish), told)
    assert.deepEqual(
      (await channel.request('link-list', {})).links.map(({ state }) => state),
      ['used'],
    )
  })

  it('lets devices in by links that are made with its file and handed in', async () => {
    await using mesh = await TestCoordinator.start()
    const channel = await new TestNode(await mesh.link(), 'alice').enter(mesh.port)
    const file = await moveRoot(mesh)
    const { text, certificate } = linkBy(file, await channel.request('link-place', {}), { tags: ['server'] })
    const deposited = await channel.request('link-deposit', { certificate, reusable: false })
    assert.deepEqual(await channel.request('link-deposit', { certificate, reusable: false }), deposited)
    const bob = new TestNode(text, 'bob')
    await (await bob.enter(mesh.port)).close()
    await assert.rejects(new TestNode(text, 'eve').enter(mesh.port), { code: 'link-used' })
    const { links } = await channel.request('link-list', {})
    const used = links.find(({ id }) => id === deposited.id)
    assert.deepEqual([used?.uses, used?.state, used?.tags], [1, 'used', ['server']])
    const atServer = (await call(mesh, 'link-place', {})) as Result<'link-place'>
    const second = linkBy(file, atServer, {})
    await call(mesh, 'link-deposit', { certificate: second.certificate, reusable: true })
    for (const name of ['carol', 'dave']) await (await new TestNode(second.text, name).enter(mesh.port)).close()
  })

  it('takes back: the same file on the server, and links are made there as before', async () => {
    await using mesh = await TestCoordinator.start()
    const file = await moveRoot(mesh)
    await call(mesh, 'root-import', { text: file })
    await (await new TestNode(await mesh.link(), 'alice').enter(mesh.port)).close()
    await mesh.stop()
    await mesh.start()
    assert.equal(mesh.running.holdsRoot, true)
    await (await new TestNode(await mesh.link(), 'bob').enter(mesh.port)).close()
    assert.equal(await moveRoot(mesh), file)
  })

  it('is not removed before whoever asks shows that they have it', async () => {
    await using mesh = await TestCoordinator.start()
    await assert.rejects(call(mesh, 'root-forget', { digest: '0'.repeat(64) }), { code: 'not-allowed' })
    const { text } = (await call(mesh, 'root-export', {})) as { text: string }
    await assert.rejects(call(mesh, 'root-forget', { digest: digestOf(text.trimEnd()) }), { code: 'not-allowed' })
    await mesh.stop()
    await mesh.start()
    assert.ok(await mesh.link(), 'it is there still')
    assert.deepEqual(await call(mesh, 'root-export', {}), { text })
  })

  it('is told from keys that were lost', async () => {
    await using mesh = await TestCoordinator.start()
    await moveRoot(mesh)
    await mesh.stop()
    const root = join(mesh.directory, 'keys/root.key')
    const mark = readFileSync(root, 'utf8')
    writeFileSync(root, '')
    await assert.rejects(mesh.start(), { code: 'keys-corrupt' })
    writeFileSync(root, mark)
    await mesh.start()
    await mesh.stop()
    cpSync(mesh.path, join(mesh.directory, 'aside.db'))
    writeFileSync(mesh.path, '')
    await assert.rejects(mesh.start(), { code: 'database-missing' })
  })

  it('goes on where a power cut came between the mark and the removal of the account keys', async () => {
    await using mesh = await TestCoordinator.start()
    const keys = join(mesh.directory, 'keys')
    cpSync(keys, join(mesh.directory, 'before'), { recursive: true })
    const [, account = new Uint8Array()] = secretsOf(mesh)
    await moveRoot(mesh)
    await mesh.stop()
    const name = readdirSync(join(mesh.directory, 'before')).find((each) => each.startsWith('account-')) ?? ''
    cpSync(join(mesh.directory, 'before', name), join(keys, name))
    await mesh.start()
    assert.equal(mesh.running.holdsRoot, false)
    assert.ok(!existsSync(join(keys, name)))
    assert.deepEqual(
      filesWith(mesh, account).filter((path) => !path.startsWith('before')),
      [],
    )
  })

  it('is in backups made before, and in none made after; each restores what it was', async () => {
    await using mesh = await TestCoordinator.start()
    const [root = new Uint8Array()] = secretsOf(mesh)
    const [before, after] = ['before', 'after'].map((name) => join(mesh.directory, `${name}.backup`)) as [
      string,
      string,
    ]
    await call(mesh, 'backup', { file: before })
    const file = await moveRoot(mesh)
    await call(mesh, 'backup', { file: after })
    await mesh.stop()
    assert.deepEqual(filesWith(mesh, root), ['before.backup'])
    const stopped = join(mesh.directory, 'stopped.backup')
    await backUpStopped(mesh.directory, stopped)
    assert.deepEqual(filesWith(mesh, root), ['before.backup'])
    for (const [backup, holdsRoot] of [
      [before, true],
      [after, false],
      [stopped, false],
    ] as const) {
      await using restored = new TestCoordinator()
      await restoreBackup(restored.directory, backup)
      await restored.start()
      assert.equal(restored.running.holdsRoot, holdsRoot)
      if (!holdsRoot) await call(restored, 'root-import', { text: file })
      await (await new TestNode(await restored.link(), 'alice').enter(restored.port)).close()
    }
  })

  it('comes from its own file only', async () => {
    await using mesh = await TestCoordinator.start()
    await using other = await TestCoordinator.start()
    const foreign = await moveRoot(other)
    const file = await moveRoot(mesh)
    await assert.rejects(call(mesh, 'root-import', { text: foreign }), { code: 'not-allowed', message: /of the mesh/ })
    for (const text of ['', 'junk', file.slice(0, -20), file.replace('root ', 'root A')])
      await assert.rejects(call(mesh, 'root-import', { text }), { code: 'bad-request', message: /root file/ })
    await assert.rejects(mesh.link(), { code: 'not-allowed' })
  })

  it('is not in the log', async () => {
    await using mesh = await TestCoordinator.start()
    const secrets = secretsOf(mesh)
    const text = await moveRoot(mesh)
    await call(mesh, 'root-import', { text })
    await call(mesh, 'root-import', { text: text.slice(0, -9) }).catch(() => {})
    const log = mesh.log.join('\n')
    assert.match(log, /root key moved/)
    for (const secret of secrets)
      for (const form of [toBase64(secret).slice(0, 40), secret.toHex()]) assert.ok(!log.includes(form))
  })
})

describe('a link that is handed in', () => {
  it('lets in no more than its certificate says, and is of this mesh and the caller’s account', async () => {
    await using mesh = await TestCoordinator.start()
    await using other = await TestCoordinator.start()
    const channel = await new TestNode(await mesh.link(), 'alice').enter(mesh.port)
    const place = await channel.request('link-place', {})
    const foreign = linkBy(await moveRoot(other), (await call(other, 'link-place', {})) as Result<'link-place'>, {})
    const file = await moveRoot(mesh)
    const deposit = (certificate: string, reusable = false) =>
      channel.request('link-deposit', { certificate, reusable })
    const own = linkBy(file, place, {})
    for (const [what, certificate] of [
      ['of another mesh', foreign.certificate],
      ['that is altered', toBase64(Uint8Array.fromBase64(own.certificate).with(80, 0xff))],
      ['of an account', toBase64(readRootFile(file, crypto).accounts[0]?.certificate ?? new Uint8Array())],
      ['that is none', toBase64(new Uint8Array(200))],
      ['that has expired', linkBy(file, place, { at: -9 * HOUR }).certificate],
      ['that begins tomorrow', linkBy(file, place, { at: 24 * HOUR }).certificate],
      ['for longer than ten years', linkBy(file, place, { expiresSeconds: 11 * 365 * 24 * HOUR }).certificate],
    ] as const)
      await assert.rejects(deposit(certificate), { code: 'certificate-refused' }, what)
    assert.equal((await channel.request('link-list', {})).links.length, 1)
    await deposit(own.certificate)
    await assert.rejects(deposit(own.certificate, true), { code: 'certificate-refused' })
  })

  it('stays revoked, used and counted when it is handed in again', async () => {
    await using mesh = await TestCoordinator.start()
    const channel = await new TestNode(await mesh.link(), 'alice').enter(mesh.port)
    const file = await moveRoot(mesh)
    const place = await channel.request('link-place', {})
    const long = linkBy(file, place, { expiresSeconds: 3 * 365 * 24 * HOUR })
    const { id } = await channel.request('link-deposit', { certificate: long.certificate, reusable: true })
    await channel.request('link-revoke', { id })
    mesh.wallShift = 90 * 24 * HOUR * 1000
    const later = linkBy(file, place, { at: 90 * 24 * HOUR })
    const made = await channel.request('link-deposit', { certificate: later.certificate, reusable: true })
    assert.notEqual(made.id, id)
    await assert.rejects(channel.request('link-deposit', { certificate: long.certificate, reusable: true }), {
      code: 'link-revoked',
    })
  })

  it('is taken from registered devices only', async () => {
    await using mesh = await TestCoordinator.start()
    const eve = await new TestNode(await mesh.link(), 'eve').connect(mesh.port)
    await assert.rejects(eve.request('link-place', {}), { code: 'not-registered' })
    await assert.rejects(eve.request('link-deposit', { certificate: toBase64(new Uint8Array(200)), reusable: true }), {
      code: 'not-registered',
    })
  })
})

const call = (mesh: TestCoordinator, method: string, params: object): Promise<unknown> =>
  callControl(join(mesh.directory, 'coordinator.sock'), method, params)

const digestOf = (text: string): string => crypto.sha256(new TextEncoder().encode(text)).toHex()

/** As `weft root export` does; the file's text. */
async function moveRoot(mesh: TestCoordinator): Promise<string> {
  const { text } = (await call(mesh, 'root-export', {})) as { text: string }
  await call(mesh, 'root-forget', { digest: digestOf(text) })
  return text
}

/** As whoever holds the file makes a link. `at`: seconds from now. */
function linkBy(
  file: string,
  place: Result<'link-place'>,
  wish: { tags?: string[]; expiresSeconds?: number; at?: number },
): { text: string; certificate: string } {
  const { mesh, accounts } = readRootFile(file, crypto)
  const [account] = accounts
  assert.ok(account !== undefined)
  const signer = accountSigner(account.certificate, account.key, crypto)
  assert.equal(signer.id, place.account)
  const endpoints = place.endpoints.flatMap((each) => parseLinkEndpoint(each) ?? [])
  const { tags = [], expiresSeconds = HOUR, at = 0 } = wish
  const signed = signLink(
    { tags, expiresSeconds },
    signer,
    { mesh, coordinatorKey: place.coordinatorKey, endpoints },
    { crypto, random, at: Math.floor(Date.now() / 1000) + at },
  )
  return { text: signed.text, certificate: toBase64(signed.certificate) }
}

/** Root's first, then the account's. */
function secretsOf({ directory }: TestCoordinator): readonly Uint8Array[] {
  const folder = join(directory, 'keys')
  return ['root', 'account-'].flatMap((start) =>
    readdirSync(folder)
      .filter((name) => name.startsWith(start))
      .map((name) => Uint8Array.fromBase64(readFileSync(join(folder, name), 'utf8').trim())),
  )
}

function filesWith({ directory }: TestCoordinator, secret: Uint8Array): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const content = readFileSync(path)
      return [secret, toBase64(secret).replace(/=+$/, ''), secret.toHex()].some((form) => content.includes(form))
    })
    .map((path) => path.slice(directory.length + 1))
    .sort()
}
