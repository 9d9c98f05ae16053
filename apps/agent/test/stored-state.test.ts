import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { wallTime } from '@weft/base'
import { callControl } from '@weft/control-socket'
import { systemClock } from '@weft/linux'
import { refused, type TestAgent, TestMesh, twoAgents } from './test-mesh.ts'

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
  const { alice, address } = await twoAgents(mesh)
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

/** The peer may make a session at the same moment, and then one of the two waits a second. */
async function reachesSoon(agent: TestAgent, peer: string): Promise<boolean> {
  for (let tries = 0; tries < 5; tries++) if (await agent.reaches(peer)) return true
  return false
}
