import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { callControl } from '@weft/control-socket'
import { type TestAgent, TestMesh } from './test-mesh.ts'

type Keys = Record<string, unknown> & { readonly next?: Record<string, unknown>; readonly former?: unknown }

test('rotate-key replaces all keys but the identity, and both go on reaching each other by the same path', async () => {
  await using mesh = await TestMesh.start()
  const { alice, bob } = await twoOf(mesh)
  const [before, path] = [keysOf(alice), await pathOf(bob)]
  assert.deepEqual(await rotate(alice), { published: true })
  const after = keysOf(alice)
  for (const name of ['node', 'channel', 'probe', 'kem']) assert.notEqual(after[name], before[name], name)
  assert.equal(after.identity, before.identity)
  assert.ok(Number(after.sequence) > 1)
  assert.equal(after.next, undefined)
  await heard(bob)
  await alice.until(({ coordinator }) => coordinator?.state === 'connected')
  assert.equal(await reachEachOther(alice, bob), true)
  assert.deepEqual(await pathOf(bob), path)
})

test('while the coordinator is away new keys are made, and told when it is back, also after a restart', async () => {
  await using mesh = await TestMesh.start()
  const { alice, bob } = await twoOf(mesh)
  await mesh.stopCoordinator()
  await alice.until(({ coordinator }) => coordinator?.state === 'away')
  const answer = await rotate(alice)
  assert.equal(answer.published, false)
  assert.match(answer.reason ?? '', /coordinator/)
  const { next } = keysOf(alice)
  assert.ok(next)
  assert.equal((await alice.status()).rotation, 'waiting')
  assert.equal((await rotate(alice)).published, false)
  assert.deepEqual(keysOf(alice).next, next, 'asked again, no other keys are made')
  assert.equal(await reachEachOther(alice, bob), true)
  await alice.stop()
  await alice.start()
  assert.equal(await reachEachOther(alice, bob), true)
  await mesh.startCoordinator()
  await heard(bob)
  await until(() => keysOf(alice).channel === next.channel)
  assert.equal((await alice.status()).rotation, 'none')
  assert.equal(await reachEachOther(alice, bob), true)
})

test('an agent that was killed when the coordinator had the record already comes back by its new keys', async () => {
  await using mesh = await TestMesh.start()
  const { alice, bob } = await twoOf(mesh)
  const before = readFileSync(keysFile(alice), 'utf8')
  await rotate(alice)
  await heard(bob)
  const { node, channel, probe, kem, sequence } = keysOf(alice)
  await alice.stop()
  // As it was on disk between the two steps.
  writeFileSync(
    keysFile(alice),
    JSON.stringify({ ...JSON.parse(before), next: { node, channel, probe, kem, sequence } }),
  )
  await alice.start()
  await until(() => keysOf(alice).channel === channel)
  await alice.until(({ coordinator }) => coordinator?.state === 'connected')
  assert.equal(await reachEachOther(alice, bob), true)
})

test('a record that is refused leaves the keys as they were', async () => {
  await using mesh = await TestMesh.start()
  const { alice } = await twoOf(mesh)
  const before = keysOf(alice)
  await rotate(alice)
  await alice.until(({ coordinator }) => coordinator?.state === 'connected')
  const { node, probe, kem, channel } = keysOf(alice)
  await alice.stop()
  // A copy of the device that has not heard of the record that is known.
  writeFileSync(
    keysFile(alice),
    JSON.stringify({
      ...before,
      channel,
      node,
      probe,
      kem,
      next: { node: before.node, probe, kem, channel: before.channel, sequence: 2 },
    }),
  )
  await alice.start()
  await until(() => keysOf(alice).next === undefined)
  assert.equal(keysOf(alice).channel, channel)
  assert.ok(alice.log.lines.some((line) => /new keys refused .*higher number/.test(line)))
})

test('a device that is down is told to go up first', async () => {
  await using mesh = await TestMesh.start()
  const { alice } = await twoOf(mesh)
  await alice.down()
  await assert.rejects(rotate(alice), { code: 'down' })
})

async function twoOf(mesh: TestMesh): Promise<{ readonly alice: TestAgent; readonly bob: TestAgent }> {
  const [alice, bob] = [await mesh.agent('alice').start(), await mesh.agent('bob').start()]
  for (const agent of [alice, bob]) await agent.up(await mesh.link())
  for (const agent of [alice, bob]) await agent.until(({ peers }) => (peers[0]?.online ?? false) === true)
  assert.equal(await reachEachOther(alice, bob), true)
  return { alice, bob }
}

async function reachEachOther(alice: TestAgent, bob: TestAgent): Promise<boolean> {
  const [there, back] = [(await alice.status()).peers[0]?.name ?? '', (await bob.status()).peers[0]?.name ?? '']
  return (await alice.reaches(there)) && (await bob.reaches(back))
}

async function pathOf(agent: TestAgent): Promise<readonly unknown[]> {
  const path = (await agent.status()).peers[0]?.path
  assert.equal(path?.kind, 'direct')
  return path.kind === 'direct' ? [path.endpoint, path.since] : []
}

const rotate = async (agent: TestAgent) =>
  (await callControl(agent.socket, 'rotate-key', {})) as { readonly published: boolean; readonly reason?: string }

const heard = (agent: TestAgent) => until(() => agent.log.lines.some((line) => line.includes('peer has new keys')))

const keysFile = (agent: TestAgent): string =>
  join(agent.state, 'meshes', readdirSync(join(agent.state, 'meshes'))[0] ?? '', 'keys.json')

const keysOf = (agent: TestAgent): Keys => JSON.parse(readFileSync(keysFile(agent), 'utf8'))

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not come to pass')
}
