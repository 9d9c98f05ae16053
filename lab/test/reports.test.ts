/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabMesh, labTest, type Machine, type MeshNode, until } from '../src/index.ts'

const LINE = /^\{"time":"\d{4}-\d\d-\d\dT[\d:.]+Z","level":"(?:info|warn|error)","part":"[a-z]+","event":"/

labTest(
  'logs are lines of JSON without an address, through joins, a lost coordinator, a lost cable and an end',
  async (lab) => {
    const lan = lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    const mesh = await LabMesh.serve(lab.machine('dora', { on: lan }))
    const [alice, bob] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
    await alice.reaches(bob.v4)
    mesh.machine.kill()
    await until('alice has lost the coordinator', async () => (await alice.status()).coordinator?.state !== 'connected')
    await mesh.restart()
    await until('alice is back', async () => (await alice.status()).coordinator?.state === 'connected', {
      timeout: 90_000,
    })
    bob.machine.setCable('down')
    bob.machine.setCable('up')
    await alice.machine.weftOk('down')
    const logs = [...logLines(alice.machine), ...logLines(bob.machine), ...serveLines(mesh.machine)]
    assert.ok(logs.some((line) => line.includes('"event":"joined"')))
    assert.ok(logs.some((line) => line.includes('"part":"coordinator"')))
    for (const line of logs) {
      assert.match(line, LINE)
      for (const secret of [...addressesOf(alice, bob, mesh.machine), 'weft://'])
        assert.ok(!line.includes(secret), line)
    }
  },
)

labTest('a bug report has what a maintainer needs, and no key, link, address or name', async (lab) => {
  const lan = lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const mesh = await LabMesh.serve(lab.machine('dora', { on: lan }))
  const [alice, bob] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
  await alice.reaches(bob.v4)
  const { link } = await mesh.createLink()
  const refused = await alice.machine.weft('up', link)
  assert.notEqual(refused.code, 0)
  const report = await alice.machine.weftOk('bugreport', '-')
  for (const head of ['weft', 'system', 'tools', 'status', 'netcheck', 'state', 'log'])
    assert.match(report, new RegExp(`^== ${head}$`, 'm'))
  assert.match(report, /"state": "up"/)
  assert.match(report, /"name": "peer-1"/)
  assert.match(report, /"event":"joined"/)
  assert.match(report, /keys\.json/)
  for (const secret of [...keysOf(alice.machine), ...addressesOf(alice, bob, mesh.machine), 'weft://', 'bob'])
    assert.ok(!report.includes(secret), `${secret} in\n${report}`)
  const file = (await alice.machine.weftOk('bugreport', '/var/lib/report.txt')).trim()
  assert.equal(file, '/var/lib/report.txt')
  const again = await alice.machine.weft('bugreport', '/var/lib/report.txt')
  assert.equal(again.code, 1)
  assert.match(again.stderr, /^weft: cannot write \/var\/lib\/report\.txt: it is there already; [^\n]+\n$/)
})

labTest('a bug report can be made where no agent answers', async (lab) => {
  const machine = lab.machine('alone')
  const report = await machine.weftOk('bugreport', '-')
  assert.match(report, /no agent answers at/)
  assert.match(report, /== log\nnone that can be read/)
})

function logLines(machine: Machine): readonly string[] {
  return linesOf(machine.path('var/lib/weft/agent.log'))
}

/** What it logs stands among what it announces, which is for the user. */
function serveLines(machine: Machine): readonly string[] {
  const directory = machine.path('log')
  return readdirSync(directory)
    .flatMap((name) => linesOf(join(directory, name)))
    .filter((line) => line.startsWith('{'))
}

const linesOf = (path: string): readonly string[] => readFileSync(path, 'utf8').trim().split('\n')

function addressesOf(...nodes: readonly (MeshNode | Machine)[]): readonly string[] {
  return nodes.flatMap((node) => {
    const machine = 'machine' in node ? node.machine : node
    return [node.v4, node.v6, machine.v4, machine.v6].filter((address) => address !== undefined)
  })
}

function keysOf(machine: Machine): readonly string[] {
  const meshes = machine.path('var/lib/weft/meshes')
  const [mesh = ''] = readdirSync(meshes)
  const { version: _, ...keys } = JSON.parse(readFileSync(join(meshes, mesh, 'keys.json'), 'utf8'))
  return Object.values(keys as Record<string, string>).flatMap((key) => [
    key,
    Buffer.from(key, 'base64').toString('hex'),
  ])
}
