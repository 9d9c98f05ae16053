import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ControlError, callControl } from '@weft/control-socket'
import { nativeCrypto as crypto, systemRandom } from '@weft/crypto'
import { readRootFile, revokeDevice } from '@weft/identity'
import { PrivateKey } from '@weft/keys'
import { TestMesh } from './test-mesh.ts'

test('a device that holds the root key makes links on its own, and the coordinator alone makes none', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = [mesh.agent('alice'), mesh.agent('bob'), mesh.agent('carol')]
  for (const agent of [alice, bob, carol]) await agent.start()
  await alice.up(await mesh.link())
  const text = await moveRoot(join(mesh.directory, 'coordinator', 'coordinator.sock'))
  await refused(callControl(alice.socket, 'link-create', {}), 'not-allowed', /moved off its server/)
  await callControl(alice.socket, 'root-import', { text })
  assert.equal((await alice.status()).holdsRoot, true)
  const made = (await callControl(alice.socket, 'link-create', { tags: ['a'] })) as { id: string; link: string }
  await bob.up(made.link)
  await bob.until(({ peers }) => peers.length === 1)
  assert.equal((await bob.status()).holdsRoot, false)
  await alice.stop()
  await alice.start()
  const again = (await callControl(alice.socket, 'link-create', {})) as { link: string }
  await carol.up(again.link)
  await carol.until(({ peers }) => peers.length === 2)
  const { links } = (await callControl(alice.socket, 'link-list', {})) as { links: { id: string; tags: string[] }[] }
  assert.deepEqual(links.find(({ id }) => id === made.id)?.tags, ['a'])
})

test('a device that holds the root key revokes what it removes; the coordinator alone only takes it out', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = [mesh.agent('alice'), mesh.agent('bob'), mesh.agent('carol')]
  for (const agent of [alice, bob, carol]) {
    await agent.start()
    await agent.up(await mesh.link())
  }
  const ids = await Promise.all([bob, carol].map(async (agent) => (await agent.status()).self?.id ?? assert.fail()))
  const [bobId = '', carolId = ''] = ids
  await alice.until(({ peers }) => peers.length === 2)
  const text = await moveRoot(join(mesh.directory, 'coordinator', 'coordinator.sock'))
  const taken = (await callControl(alice.socket, 'remove', { device: bobId })) as { name: string; revoked: boolean }
  assert.equal(taken.revoked, false)
  await alice.until(({ peers }) => peers.length === 1)
  assert.ok(mesh.log.lines.some((line) => line.startsWith('warn device removed without a revocation')))
  assert.notEqual((await bob.status()).state, 'removed')

  await callControl(alice.socket, 'root-import', { text })
  const removed = await callControl(alice.socket, 'remove', { device: carolId })
  assert.deepEqual([(removed as { id: string }).id, (removed as { revoked: boolean }).revoked], [carolId, true])
  await alice.until(({ peers }) => peers.length === 0)
  await carol.until(({ state }) => state === 'removed')
  const revoked = await callControl(alice.socket, 'remove', { device: taken.name })
  assert.deepEqual(revoked, { id: bobId, name: taken.name, revoked: true })
  await bob.until(({ state }) => state === 'removed')
  await refused(callControl(alice.socket, 'remove', { device: 'nobody' }), 'not-found', /no device nobody/)
})

test('whoever has the root file revokes a device through any other, and nobody with the file of another mesh', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob] = [mesh.agent('alice'), mesh.agent('bob')]
  for (const agent of [alice, bob]) {
    await agent.start()
    await agent.up(await mesh.link())
  }
  const bobId = (await bob.status()).self?.id ?? assert.fail()
  await alice.until(({ peers }) => peers.length === 1)
  const { root } = readRootFile(await moveRoot(join(mesh.directory, 'coordinator', 'coordinator.sock')), crypto)
  const { id, chain } = (await callControl(alice.socket, 'device', { device: bobId })) as { id: string; chain: string }
  assert.equal(id, bobId)
  const signed = (key: typeof root) =>
    revokeDevice(Uint8Array.fromBase64(chain), key, { crypto, at: Math.floor(Date.now() / 1000) }).toBase64()
  const foreign = signed(PrivateKey.generate('root', systemRandom))
  await refused(callControl(alice.socket, 'revoke', { revocation: foreign }), 'certificate-refused', /another mesh/)
  assert.notEqual((await bob.status()).state, 'removed')
  await callControl(alice.socket, 'revoke', { revocation: signed(root) })
  await bob.until(({ state }) => state === 'removed')
  await refused(callControl(alice.socket, 'device', { device: 'nobody' }), 'unknown-peer', /no peer is called nobody/)
})

test('a device gives the root key up to whoever shows that they have it, and to nobody else', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  const text = await moveRoot(join(mesh.directory, 'coordinator', 'coordinator.sock'))
  await refused(callControl(alice.socket, 'root-export', {}), 'not-found', /does not hold/)
  await callControl(alice.socket, 'root-import', { text })
  assert.equal(statSync(rootFileOf(alice.state)).mode & 0o777, 0o600)
  await refused(callControl(alice.socket, 'root-forget', { digest: '0'.repeat(64) }), 'not-allowed', /another|new file/)
  assert.deepEqual(await callControl(alice.socket, 'root-export', {}), { text })
  await callControl(alice.socket, 'root-forget', { digest: digestOf(text) })
  assert.equal((await alice.status()).holdsRoot, false)
  assert.ok(!readdirSync(alice.state, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('/root')))
  await refused(callControl(alice.socket, 'link-create', {}), 'not-allowed', /moved/)
})

test('a device takes the root key of its own mesh only, and says so when what it holds is damaged', async () => {
  await using mesh = await TestMesh.start()
  await using other = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await refused(callControl(alice.socket, 'root-import', { text: 'x' }), 'not-joined', /no mesh/)
  await alice.up(await mesh.link())
  const foreign = await moveRoot(join(other.directory, 'coordinator', 'coordinator.sock'))
  await refused(callControl(alice.socket, 'root-import', { text: foreign }), 'root-file-foreign', /this device is in/)
  for (const junk of ['', 'junk', foreign.slice(1)])
    await refused(callControl(alice.socket, 'root-import', { text: junk }), 'root-file-malformed', /root file/)
  assert.equal((await alice.status()).holdsRoot, false)
  const text = await moveRoot(join(mesh.directory, 'coordinator', 'coordinator.sock'))
  await callControl(alice.socket, 'root-import', { text })
  writeFileSync(rootFileOf(alice.state), text.replace('sum ', 'sum 0'))
  await refused(callControl(alice.socket, 'link-create', {}), 'root-file-damaged', /damaged/)
  await alice.stop()
  await alice.start()
  assert.equal((await alice.status()).state, 'up')
})

test('no key of a root file is in the agent’s log or status', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  const text = await moveRoot(join(mesh.directory, 'coordinator', 'coordinator.sock'))
  await callControl(alice.socket, 'root-import', { text })
  await callControl(alice.socket, 'link-create', {})
  await callControl(alice.socket, 'root-import', { text: `${text}x` }).catch(() => undefined)
  const told = [...alice.log.lines, ...mesh.log.lines, JSON.stringify(await alice.status())].join('\n')
  const keys = [...text.matchAll(/^(?:root|account) (\S{43}=)/gm)].map(([, key]) => key ?? '')
  assert.equal(keys.length, 2)
  for (const key of keys)
    for (const form of [key.slice(0, 42), Buffer.from(key, 'base64').toString('hex')]) assert.ok(!told.includes(form))
})

const digestOf = (text: string): string => crypto.sha256(new TextEncoder().encode(text)).toHex()

async function moveRoot(socket: string): Promise<string> {
  const { text } = (await callControl(socket, 'root-export', {})) as { text: string }
  await callControl(socket, 'root-forget', { digest: digestOf(text) })
  return text
}

function rootFileOf(state: string): string {
  const [mesh = ''] = readdirSync(join(state, 'meshes'))
  const path = join(state, 'meshes', mesh, 'root')
  assert.match(readFileSync(path, 'utf8'), /^weft root file 1\n/)
  return path
}

async function refused(asked: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(
    asked,
    (error) => error instanceof ControlError && error.code === code && message.test(error.message),
  )
}
