import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { wallTime } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { nativeCrypto } from '@weft/crypto'
import { encodeLink, readLink } from '@weft/identity'
import { systemClock } from '@weft/linux'
import { AgentError } from '../src/index.ts'
import { type TestAgent, TestMesh } from './test-mesh.ts'

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
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  await alice.up(await mesh.link())
  const self = await bob.up(await mesh.link())
  const address = self?.addresses[0] ?? ''
  await alice.until(({ peers }) => hasEndpoint(peers) && peers.length === 1)
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

test('private keys are in keys.json alone, readable by the owner alone', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  const [id = ''] = readdirSync(join(alice.state, 'meshes'))
  const folder = join(alice.state, 'meshes', id)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
  const keys = JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8'))
  const others = [
    ...['membership.json', 'netmap.json'].map((file) => readFileSync(join(folder, file), 'utf8')),
    ...alice.log.lines,
    ...mesh.log.lines,
    JSON.stringify(await alice.status()),
  ].join('\n')
  for (const role of ['identity', 'node', 'channel', 'probe', 'kem']) {
    const secret = Buffer.from(keys[role], 'base64')
    assert.ok(secret.length >= 32)
    for (const text of [keys[role], secret.toString('hex'), secret.toString('base64url')])
      assert.ok(!others.includes(text), role)
  }
})

test('a corrupt membership is kept aside and named; what was stored is not written over', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.up(await mesh.link())
  await alice.stop()
  const [id = ''] = readdirSync(join(alice.state, 'meshes'))
  const path = join(alice.state, 'meshes', id, 'membership.json')
  const keys = readFileSync(join(alice.state, 'meshes', id, 'keys.json'), 'utf8')
  writeFileSync(path, '{"version":1')
  const error = await refused(alice.start(), 'state-corrupt')
  assert.match(error.message, /membership\.json\.corrupt-1/)
  await alice.start()
  await refused(alice.up(await mesh.link()), 'state-incomplete')
  assert.equal(readFileSync(join(alice.state, 'meshes', id, 'keys.json'), 'utf8'), keys)
})

test("a membership with another device's keys or certificates is refused, and says so", async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob] = [await mesh.agent('alice').start(), await mesh.agent('bob').start()]
  for (const agent of [alice, bob]) {
    await agent.up(await mesh.link())
    await agent.stop()
  }
  const [id = ''] = readdirSync(join(alice.state, 'meshes'))
  const file = (agent: TestAgent, name: string) => join(agent.state, 'meshes', id, name)
  const keys = readFileSync(file(alice, 'keys.json'))
  writeFileSync(file(alice, 'keys.json'), readFileSync(file(bob, 'keys.json')))
  const error = await refused(alice.start(), 'state-incomplete')
  assert.match(error.message, /keys\.json is of another device/)
  writeFileSync(file(alice, 'keys.json'), keys)
  await alice.start()
  await alice.stop()
  const membership = JSON.parse(readFileSync(file(bob, 'membership.json'), 'utf8'))
  const own = JSON.parse(readFileSync(file(alice, 'membership.json'), 'utf8'))
  writeFileSync(file(alice, 'membership.json'), JSON.stringify({ ...own, chain: membership.chain }))
  await refused(alice.start(), 'state-corrupt')
})

test('a membership of another mesh is kept aside and named, and the own one goes on once it is back', async () => {
  await using mesh = await TestMesh.start()
  await using other = await TestMesh.start()
  const [alice, eve] = [await mesh.agent('alice').start(), await other.agent('eve').start()]
  await alice.up(await mesh.link())
  await eve.up(await other.link())
  for (const agent of [alice, eve]) await agent.stop()
  const fileOf = ({ state }: TestAgent) =>
    join(state, 'meshes', readdirSync(join(state, 'meshes'))[0] ?? '', 'membership.json')
  const own = readFileSync(fileOf(alice))
  writeFileSync(fileOf(alice), readFileSync(fileOf(eve)))
  const error = await refused(alice.start(), 'state-corrupt')
  assert.match(error.message, /membership\.json\.corrupt-1/)
  assert.deepEqual(readFileSync(`${fileOf(alice)}.corrupt-1`), readFileSync(fileOf(eve)))
  writeFileSync(fileOf(alice), own)
  await alice.start()
})

test('what the coordinator told a moment before a crash is known after it, also while the coordinator is away', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  const carol = await mesh.agent('carol').start()
  for (const each of [alice, bob, carol]) await each.up(await mesh.link())
  await alice.until(({ peers }) => peers.length === 2)
  await callControl(bob.socket, 'rename', { name: 'robert' })
  const { peers } = await alice.until((status) => status.peers.some(({ name }) => name === 'robert'))
  const gone = peers.find(({ name }) => name !== 'robert')?.id
  await callControl(bob.socket, 'remove', { device: gone })
  await alice.until((status) => status.peers.length === 1)
  const again = mesh.agent('again')
  // As a crash leaves it.
  cpSync(alice.state, again.state, { recursive: true })
  await mesh.stopCoordinator()
  await alice.stop()
  await again.start()
  const status = await again.until((status) => status.peers.length > 0)
  assert.deepEqual(
    status.peers.map(({ name }) => name),
    ['robert'],
  )
})

test('a corrupt netmap is kept aside, and the node starts without it', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const self = await alice.up(await mesh.link())
  await alice.stop()
  const [id = ''] = readdirSync(join(alice.state, 'meshes'))
  const path = join(alice.state, 'meshes', id, 'netmap.json')
  writeFileSync(path, 'nonsense')
  await alice.start()
  const status = await alice.until((status) => (status.self?.addresses.length ?? 0) > 0)
  assert.deepEqual(status.self?.addresses, self?.addresses)
  assert.ok(existsSync(`${path}.corrupt-1`))
  assert.ok(alice.log.lines.some((line) => line.includes('netmap.json.corrupt-1')))
})

test('the last timestamp is kept over restarts, so that a clock that was set back locks nobody out', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const bob = await mesh.agent('bob').start()
  await alice.up(await mesh.link())
  const self = await bob.up(await mesh.link())
  const address = self?.addresses[0] ?? ''
  await alice.until(({ peers }) => hasEndpoint(peers) && peers.length === 1)
  assert.ok(await reachesSoon(alice, address))
  const [id = ''] = readdirSync(join(alice.state, 'meshes'))
  const path = join(alice.state, 'meshes', id, 'timestamp.json')
  const { latest } = JSON.parse(readFileSync(path, 'utf8')) as { readonly latest: number }
  const lead = latest - Date.now()
  assert.ok(lead > 0 && lead <= 61_000, `${lead} ms ahead`)

  // Certificates hold for a clock that is 10 minutes behind.
  const clock = () => ({ ...systemClock(), wall: wallTime(Date.now() - 8 * 60_000) })
  await alice.stop()
  await alice.start({ drivers: { ...alice.drivers, clock } })
  assert.ok(await reachesSoon(alice, address))
  await alice.down()
  await alice.up()
  assert.ok(await reachesSoon(alice, address))

  await alice.stop()
  writeFileSync(path, '{}')
  await alice.start()
  assert.ok(existsSync(`${path}.corrupt-1`))
  assert.ok(alice.log.lines.some((line) => line.includes('timestamp corrupt')))
})

test('state of a newer weft is left as it is', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  await alice.stop()
  const path = join(alice.state, 'agent.json')
  writeFileSync(path, '{"version":2,"marvel":true}')
  await refused(alice.start(), 'state-newer')
  assert.equal(readFileSync(path, 'utf8'), '{"version":2,"marvel":true}')
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

/** The peer may make a session at the same moment, and then one of the two waits a second. */
async function reachesSoon(agent: TestAgent, peer: string): Promise<boolean> {
  for (let tries = 0; tries < 5; tries++) if (await agent.reaches(peer)) return true
  return false
}

function hasEndpoint(peers: readonly { readonly path: { readonly kind: string } }[]): boolean {
  return peers.every(({ path }) => path.kind !== 'none')
}

async function refused(promise: Promise<unknown>, code: string): Promise<Error> {
  let thrown: unknown
  await promise.catch((error: unknown) => {
    thrown = error
  })
  assert.ok(thrown instanceof Error && 'code' in thrown, `expected ${code}, and it was ${thrown}`)
  assert.equal(thrown.code, code, thrown.message)
  return thrown
}
