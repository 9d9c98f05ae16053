import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { callControl } from '@weft/control-socket'
import { nativeCrypto } from '@weft/crypto'
import { encodeLink, readLink } from '@weft/identity'
import { AgentError } from '../src/index.ts'
import { hasEndpoint, refused, TestMesh, twoAgents } from './test-mesh.ts'

test('two agents join by links and reach each other', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  assert.equal((await alice.status()).state, 'not-joined')
  const self = await alice.up(await mesh.link())
  assert.equal(self?.addresses.length, 2)
  await bob.up(await mesh.link())
  const { peers } = await alice.until(({ peers }) => (peers[0]?.online ?? false) === true && hasEndpoint(peers))
  const name = peers[0]?.name ?? ''
  assert.equal(await alice.reaches(name), true)
  const status = await alice.status()
  assert.equal(status.state, 'up')
  assert.equal(status.coordinator?.state, 'connected')
  assert.equal(status.peers[0]?.path.kind, 'direct')
  assert.ok((status.peers[0]?.rxBytes ?? 0) > 0)
  for (const address of bob.drivers.opened[0]?.settings?.addresses ?? [])
    assert.equal(await alice.reaches(address.replace(/\/.*/, '')), true)
})

test('with the coordinator gone they reach each other, also after a restart of one', async () => {
  await using mesh = await TestMesh.start()
  const { alice, address } = await twoAgents(mesh)
  assert.equal(await alice.reaches(address), true)
  await mesh.stopCoordinator()
  await alice.until(({ coordinator }) => coordinator?.state === 'away')
  assert.equal(await alice.reaches(address), true)
  await alice.stop()
  await alice.start()
  const status = await alice.status()
  assert.equal(status.state, 'up')
  assert.equal(await alice.reaches(address), true)
  await mesh.startCoordinator()
  await alice.until(({ coordinator }) => coordinator?.state === 'connected')
})

test('down takes the interface away, and is remembered until up', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  assert.deepEqual(await alice.down(), { ends: false })
  assert.equal(alice.drivers.opened[0]?.isClosed, true)
  const status = await alice.status()
  assert.equal(status.state, 'down')
  assert.equal(status.self?.addresses.length, 2)
  await refused(alice.reaches('bob'), 'down')
  await alice.stop()
  await alice.start()
  assert.equal((await alice.status()).state, 'down')
  assert.equal(alice.drivers.opened.length, 1)
  const self = await alice.up()
  assert.deepEqual(self?.addresses, status.self?.addresses)
  await alice.stop()
  await alice.start()
  assert.equal((await alice.status()).state, 'up')
})

test('an agent that `up` started ends on down', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start({ endsOnDown: true })
  await alice.up(await mesh.link())
  assert.deepEqual(await alice.down(), { ends: true })
  await alice.running?.done
  assert.equal(existsSync(alice.socket), false)
})

test('a second agent on the same state is refused and names the first', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await assert.rejects(
    mesh.agent('alice').start({ socket: join(mesh.directory, 'other.sock') }),
    (error: { code?: string; message: string }) =>
      error.code === 'state-locked' && error.message.includes(String(process.pid)),
  )
  assert.equal((await alice.status()).state, 'not-joined')
})

test('a socket that another agent answers at is refused, and the state is free again', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const bob = mesh.agent('bob')
  await refused(bob.start({ socket: alice.socket }), 'socket-busy')
  await bob.start()
})

test('a used, revoked or mistyped link leaves nothing behind, and the next one works', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  const used = await mesh.link()
  await bob.up(used)
  await refused(alice.up(used), 'link-used')
  const link = await mesh.link()
  await refused(alice.up(`${link.slice(0, -1)}${link.endsWith('A') ? 'B' : 'A'}`), 'link-mistyped')
  await refused(alice.up('hello'), 'link-malformed')
  const created = (await callControl(join(mesh.directory, 'coordinator', 'coordinator.sock'), 'link-create', {})) as {
    id: string
    link: string
  }
  await callControl(join(mesh.directory, 'coordinator', 'coordinator.sock'), 'link-revoke', { id: created.id })
  await refused(alice.up(created.link), 'link-revoked')
  assert.deepEqual(readdirSync(join(alice.state, 'meshes')), [])
  assert.ok(alice.drivers.opened.every(({ isClosed }) => isClosed))
  assert.equal((await alice.status()).state, 'not-joined')
  await alice.up(link)
})

test('without permission for the interface no link is used up', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const link = await mesh.link()
  alice.drivers.refusal = new AgentError('tun-not-permitted', 'no')
  await refused(alice.up(link), 'tun-not-permitted')
  assert.deepEqual(readdirSync(join(alice.state, 'meshes')), [])
  alice.drivers.refusal = undefined
  await alice.up(link)
})

test('a coordinator that is away is named, and the link works later', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const link = await mesh.link()
  await mesh.stopCoordinator()
  const error = await refused(alice.up(link), 'coordinator-away')
  assert.match(error.message, /127\.0\.0\.1/)
  assert.ok(!error.message.includes('\n'))
  assert.deepEqual(readdirSync(join(alice.state, 'meshes')), [])
  await mesh.startCoordinator()
  await alice.up(link)
})

test('what answers in the place of the coordinator is not believed', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const impostor = createServer((_request, response) => response.end('hello'))
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
  const port = (impostor.address() as AddressInfo).port
  const link = readLink(await mesh.link(), nativeCrypto)
  const moved = encodeLink({ ...link, endpoints: [{ kind: 'url', url: `http://127.0.0.1:${port}` }] }, nativeCrypto)
  await refused(alice.up(moved), 'coordinator-away')
  impostor.close()
})

test('a device that is in the mesh already is told so, and stays', async () => {
  await using mesh = await TestMesh.start()
  await using other = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const self = await alice.up(await mesh.link())
  await refused(alice.up(await mesh.link()), 'already-joined')
  await refused(alice.up(await other.link()), 'other-mesh')
  assert.deepEqual((await alice.up())?.addresses, self?.addresses)
})

test('without a membership, up needs a link', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await refused(alice.up(), 'not-joined')
  await refused(alice.reaches('bob'), 'not-joined')
})

test('links are made, listed and revoked through the agent', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  await alice.up(await mesh.link())
  const created = (await callControl(alice.socket, 'link-create', { tags: ['server'] })) as { id: string; link: string }
  await callControl(alice.socket, 'link-revoke', { id: created.id })
  const { links } = (await callControl(alice.socket, 'link-list', {})) as { links: { id: string; state: string }[] }
  assert.equal(links.find(({ id }) => id === created.id)?.state, 'revoked')
  await refused(bob.up(created.link), 'link-revoked')
  const again = (await callControl(alice.socket, 'link-create', {})) as { link: string }
  await bob.up(again.link)
})

test('with the coordinator away, what it is needed for is refused at once, and works when it is back', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  await mesh.stopCoordinator()
  await alice.until(({ coordinator }) => coordinator?.state === 'away')
  const error = await refused(callControl(alice.socket, 'link-create', {}), 'coordinator-away')
  assert.match(error.message, /127\.0\.0\.1/)
  await mesh.startCoordinator()
  assert.ok(await callControl(alice.socket, 'link-create', {}))
})

test('keys that the coordinator may have registered are used again with the same link', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const link = await mesh.link()
  const self = await alice.up(link)
  await alice.stop()
  // As if the answer had been lost: the keys are there, the membership is not.
  const [id = ''] = readdirSync(join(alice.state, 'meshes'))
  for (const file of ['membership.json', 'netmap.json']) rmSync(join(alice.state, 'meshes', id, file))
  await alice.start()
  assert.equal((await alice.status()).state, 'not-joined')
  assert.equal((await alice.up(link))?.id, self?.id)
})

test('unknown fields and values out of bounds are refused', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  for (const [name, params] of [
    ['up', { link: 7 }],
    ['up', { lnk: 'x' }],
    ['ping', { peer: '', count: 1 }],
    ['ping', { peer: 'bob', count: -1 }],
    ['link-create', { tags: ['Not A Tag'] }],
    ['down', { now: true }],
  ] as const)
    await refused(callControl(alice.socket, name, params), 'bad-request')
})

test('closing twice is one clean-up', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  await Promise.all([alice.running?.close(), alice.running?.close()])
  assert.equal(existsSync(alice.socket), false)
  assert.equal(alice.drivers.opened[0]?.isClosed, true)
  await alice.running?.done
})
