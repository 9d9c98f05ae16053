import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { callControl } from '@weft/control-socket'
import type { AgentStatus } from '../src/index.ts'
import { type TestAgent, TestMesh } from './test-mesh.ts'

test('a device that is removed loses its live tunnels to all, says so, and stops', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = await three(mesh)
  const { id, addresses } = selfOf(await carol.status())
  await callControl(alice.socket, 'remove', { device: id })
  for (const agent of [alice, bob]) {
    await agent.until(({ peers, refused }) => [...peers, ...refused].every((peer) => peer.id !== id))
    await assert.rejects(agent.reaches(addresses[0] ?? ''), { code: 'unknown-peer' })
  }
  const status = await carol.until(({ state }) => state === 'removed')
  assert.match(status.coordinator?.reason ?? '', /removed from the mesh; .* new link/)
  assert.deepEqual(status.peers, [])
  assert.equal(carol.drivers.opened[0]?.isClosed, true)
  for (const ask of [() => carol.up(), () => carol.reaches(id), () => callControl(carol.socket, 'link-list', {})])
    await assert.rejects(ask, { code: 'removed' })
  assert.equal(await alice.reaches(selfOf(await bob.status()).id), true)
})

test('a device that was removed knows it after a restart, and joins again as another one', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = await three(mesh)
  const { id } = selfOf(await carol.status())
  await callControl(alice.socket, 'remove', { device: id })
  await carol.until(({ state }) => state === 'removed')
  await carol.stop()
  await mesh.stopCoordinator()
  await carol.start()
  assert.equal((await carol.status()).state, 'removed')
  await mesh.startCoordinator()
  const self = await carol.up(await mesh.link())
  assert.notEqual(self?.id, id)
  const status = await carol.until(({ peers }) => peers.filter(isReachable).length === 2)
  assert.equal(status.state, 'up')
  await bob.until(({ peers }) => peers.some((peer) => peer.id === self?.id))
  assert.equal(await bob.reaches(self?.addresses[0] ?? ''), true)
})

test('a device that was away when it was removed is told when it comes back', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = await three(mesh)
  const { id } = selfOf(await carol.status())
  await carol.stop()
  await callControl(alice.socket, 'remove', { device: id })
  await bob.until(({ peers }) => peers.every((peer) => peer.id !== id))
  await carol.start()
  await carol.until(({ state }) => state === 'removed')
})

test('with the coordinator gone and all agents restarted a removed device gets no tunnel, whatever netmap is brought back', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = await three(mesh)
  const { id } = selfOf(await carol.status())
  const others = [alice, bob]
  await carol.stop()
  await until(() => others.every((agent) => netmapOf(agent).includes(id)))
  for (const agent of others) copyFileSync(fileOf(agent, 'netmap'), `${agent.state}.before`)
  await callControl(alice.socket, 'remove', { device: id })
  for (const agent of others) await agent.until(({ peers }) => peers.every((peer) => peer.id !== id))
  await mesh.stopCoordinator()
  for (const agent of others) {
    await agent.stop()
    copyFileSync(`${agent.state}.before`, fileOf(agent, 'netmap'))
    await agent.start()
    const { refused } = await agent.status()
    assert.deepEqual(
      refused.map((peer) => [peer.id, peer.reason]),
      [[id, 'revoked']],
    )
  }
  await carol.start()
  assert.equal((await carol.status()).state, 'up', 'it has not heard of it')
  for (const agent of others) {
    const self = selfOf(await agent.status())
    assert.equal(await carol.reaches(self.id), false)
    await assert.rejects(agent.reaches(id), { code: 'peer-refused' })
  }
  assert.equal(await alice.reaches(selfOf(await bob.status()).id), true)
})

test('a damaged file of revocations is moved aside, and the netmap beside it tells them again', async () => {
  await using mesh = await TestMesh.start()
  const [alice, bob, carol] = await three(mesh)
  const { id } = selfOf(await carol.status())
  await callControl(alice.socket, 'remove', { device: id })
  await bob.until(({ peers }) => peers.every((peer) => peer.id !== id))
  await bob.stop()
  const path = fileOf(bob, 'revocations')
  const before = readFileSync(path, 'utf8')
  writeFileSync(path, '{"version":1,"revocations":1}')
  await bob.start()
  await until(() => existsSync(path) && readFileSync(path, 'utf8') === before)
})

async function three(mesh: TestMesh): Promise<readonly [TestAgent, TestAgent, TestAgent]> {
  const agents = [mesh.agent('alice'), mesh.agent('bob'), mesh.agent('carol')] as const
  for (const agent of agents) {
    await agent.start()
    await agent.up(await mesh.link())
  }
  for (const agent of agents) {
    const { peers } = await agent.until(({ peers: all }) => all.filter(isReachable).length === 2)
    for (const { id } of peers) assert.equal(await agent.reaches(id), true)
  }
  return agents
}

const isReachable = ({ online, path }: AgentStatus['peers'][number]): boolean => online && path.kind !== 'none'

function selfOf({ self }: AgentStatus): NonNullable<AgentStatus['self']> {
  return self ?? assert.fail('a member has itself')
}

function fileOf(agent: TestAgent, name: string): string {
  const folder = join(agent.state, 'meshes')
  const [mesh = ''] = readdirSync(folder)
  return join(folder, mesh, `${name}.json`)
}

const netmapOf = (agent: TestAgent): string => readFileSync(fileOf(agent, 'netmap'), 'utf8')

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail('it did not come to pass')
}
