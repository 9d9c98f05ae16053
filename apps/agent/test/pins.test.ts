import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type TestAgent, TestMesh } from './test-mesh.ts'

interface Pins {
  readonly names: readonly { readonly value: string; readonly id: string }[]
  readonly addresses: readonly { readonly value: string; readonly id: string }[]
}

test('names that a version without pins noted are pinned, also of devices that are gone', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const self = await alice.up(await mesh.link())
  await alice.stop()
  const gone = { id: 'ab'.repeat(16), name: 'nas', sequence: 1, digest: 'cd'.repeat(32) }
  const { netmap, known } = read(alice, 'netmap') as { readonly netmap: object; readonly known: readonly object[] }
  writeFileSync(path(alice, 'netmap'), JSON.stringify({ version: 1, netmap, known: [...known, gone] }))
  rmSync(path(alice, 'trust'))

  await alice.start()
  const pins = read(alice, 'trust') as Pins
  assert.deepEqual(
    pins.names.map(({ value, id }) => [value, id]),
    [
      ['nas', gone.id],
      [self?.name, self?.id],
    ],
  )
  assert.deepEqual(
    pins.addresses.map(({ value, id }) => [value, id]),
    [[self?.addresses[0], self?.id]],
  )
  await alice.up()
  await alice.until(({ coordinator }) => coordinator?.state === 'connected')
  await mesh.agent('bob').start()
  await mesh.agents[1]?.up(await mesh.link())
  await alice.until(({ peers }) => peers.length === 1)
  await alice.stop()
  assert.equal((read(alice, 'netmap') as { readonly version: number }).version, 2)
  assert.equal((read(alice, 'trust') as Pins).names.length, 3)
})

test('damaged pins are kept aside, said, and begun anew with what the stored netmap shows', async () => {
  await using mesh = await TestMesh.start()
  const alice = await mesh.agent('alice').start()
  const self = await alice.up(await mesh.link())
  await alice.stop()
  writeFileSync(path(alice, 'trust'), '{"version":1,"names":[')
  await alice.start()
  assert.ok(existsSync(`${path(alice, 'trust')}.corrupt-1`))
  assert.ok(alice.log.lines.some((line) => line.includes('trust corrupt')))
  assert.deepEqual(
    (read(alice, 'trust') as Pins).names.map(({ value }) => value),
    [self?.name],
  )
})

function path(agent: TestAgent, name: string): string {
  const [mesh = ''] = readdirSync(join(agent.state, 'meshes'))
  return join(agent.state, 'meshes', mesh, `${name}.json`)
}

const read = (agent: TestAgent, name: string): unknown => JSON.parse(readFileSync(path(agent, name), 'utf8'))
