/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, beforeEach, describe, it } from 'node:test'
import { Lab, LabMesh, labTest, type Machine, reporting, skipReason, until } from '../src/index.ts'
import { databaseOf, filesBelow, nothingLeftOn, refusedWith } from './inspection.ts'

const STATE = 'var/lib/weft'
const withoutNetAdmin = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'] as const
const launcher = new URL('../../weft', import.meta.url).pathname

describe('a link that does not hold', { skip: skipReason(), timeout: 180_000 }, () => {
  let lab: Lab
  let mesh: LabMesh
  let bob: Machine

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
    })
    bob = lab.machine('bob')
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  async function refused(link: string, line: RegExp): Promise<void> {
    const before = databaseOf(mesh.machine)
    refusedWith(await bob.weft('up', link), line)
    assert.deepEqual(databaseOf(mesh.machine), before)
    await nothingLeftOn(bob)
    assert.deepEqual(
      [...filesBelow(bob.path('var/lib')).keys()].filter((name) => name.includes('meshes/')),
      [],
    )
  }

  async function stateOf(id: string): Promise<string | undefined> {
    const listed = JSON.parse(await mesh.machine.weftOk('link', 'list', '--state', '/var/lib/weft', '--json'))
    return listed.links.find((each: { id: string }) => each.id === id)?.state
  }

  claim('because another device used it is refused', async () => {
    const { link } = await mesh.createLink()
    const alice = lab.machine('alice')
    await alice.weftOk('up', link)
    await refused(link, /used/)
    alice.kill()
  })

  claim('for two that use it at the same instant lets one of them in', async () => {
    const { link } = await mesh.createLink()
    const rivals = [lab.machine('romulus'), lab.machine('remus')]
    const outcomes = await Promise.all(rivals.map((rival) => rival.weft('up', link)))
    assert.deepEqual(outcomes.map(({ code }) => code).toSorted(), [0, 1])
    for (const outcome of outcomes) if (outcome.code === 1) refusedWith(outcome, /used/)
    for (const rival of rivals) rival.kill()
  })

  claim('because it was revoked is refused', async () => {
    const { id, link } = await mesh.createLink()
    await mesh.machine.weftOk('link', 'revoke', id, '--state', '/var/lib/weft')
    await refused(link, /revoked/)
  })

  claim('because it expired is refused', async () => {
    const { id, link } = await mesh.createLink('--expires', '1s')
    await until('the link has expired', async () => (await stateOf(id)) === 'expired')
    await refused(link, /expired/)
  })

  claim('because it was mistyped is refused before anything is asked', async () => {
    const { link } = await mesh.createLink()
    const at = 40
    const mistyped = `${link.slice(0, at)}${link[at] === 'A' ? 'B' : 'A'}${link.slice(at + 1)}`
    await refused(mistyped, /link/)
    await refused(link.slice(0, -3), /link/)
    await refused('https://example.org/', /link/)
    await refused('weft://', /link/)
    refusedWith(await bob.weftWith({ input: '\n' }, 'up', '-'), /no link/)
  })

  claim('is refused once only: with a good one it joins', async () => {
    const { link } = await mesh.createLink()
    await bob.weftWith({ input: `${link}\n` }, 'up', '-')
    assert.match(await bob.weftOk('status'), /bob/)
    await bob.weftOk('down')
    await nothingLeftOn(bob)
  })

  claim('is given up by Ctrl-C, also when it comes twice, and leaves nothing', async () => {
    const { link } = await mesh.createLink()
    const carol = lab.machine('carol')
    mesh.machine.setCable('down')
    const joining = carol.spawnWeft('up', link)
    await until('it waits for the coordinator', () => existsSync(carol.path('run/weft/agent.sock')))
    joining.signal('SIGINT')
    joining.signal('SIGINT')
    const { code } = await joining.exited
    mesh.machine.setCable('up')
    assert.notEqual(code, 0)
    assert.equal(joining.lines.length, 1, joining.lines.join('\n'))
    assert.match(joining.lines[0] ?? '', /^weft: /)
    await nothingLeftOn(carol, { files: true })
  })

  claim('because nobody is there to take it is refused, in a while', async () => {
    const { link } = await mesh.createLink()
    mesh.machine.kill()
    const dave = lab.machine('dave')
    refusedWith(await dave.weft('up', link), /coordinator/)
    await nothingLeftOn(dave, { files: true })
  })
})

describe('a device that has joined', { skip: skipReason(), timeout: 180_000 }, () => {
  let lab: Lab
  let mesh: LabMesh
  let alice: Machine

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
      alice = (await mesh.join(lab.machine('alice'))).machine
    })
  })
  after(() => lab[Symbol.dispose]())
  beforeEach(() => {
    alice.kill()
    rmSync(alice.path('run/weft'), { recursive: true, force: true })
  })

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  const stateFile = (name: string) =>
    alice.path(`${STATE}/meshes/${readdirSync(alice.path(`${STATE}/meshes`))[0]}/${name}`)

  claim('has one agent on its state', async () => {
    await alice.weftOk('up')
    const before = lasting(filesBelow(alice.path(STATE)))
    refusedWith(await alice.weft('agent', '--socket', '/run/other.sock', '--tun', 'weft1'), /held by process \d+/)
    refusedWith(await alice.weft('agent', '--state', '/var/lib/other', '--tun', 'weft1'), /another weft answers/)
    assert.deepEqual(lasting(filesBelow(alice.path(STATE))), before)
    assert.doesNotMatch(await alice.ok('ip', '-br', 'link'), /weft1/)
    assert.match(await alice.weftOk('status'), /alice/)
  })

  claim('keeps a corrupt state file aside, and names it', async () => {
    const path = stateFile('membership.json')
    const good = readFileSync(path)
    writeFileSync(path, good.subarray(0, 20))
    refusedWith(await alice.weft('up'), /membership\.json is corrupt; it was kept as .*membership\.json\.corrupt-1/)
    assert.deepEqual(readFileSync(`${path}.corrupt-1`), good.subarray(0, 20))
    await nothingLeftOn(alice)
    writeFileSync(path, good)
    await alice.weftOk('up')
  })

  claim('leaves the state of a newer weft as it is', async () => {
    const path = stateFile('membership.json')
    const good = readFileSync(path, 'utf8')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(good), version: 99 }))
    const before = lasting(filesBelow(alice.path(STATE)))
    refusedWith(await alice.weft('up'), /version 99.*update weft/)
    assert.deepEqual(lasting(filesBelow(alice.path(STATE))), before)
    await nothingLeftOn(alice)
    writeFileSync(path, good)
  })

  claim('takes another port where its own is taken, and remembers it', async () => {
    const bob = lab.machine('bob')
    const holder = bob.spawn(process.execPath, '-e', holdPort)
    await holder.line(/holds/)
    const node = await mesh.join(bob)
    const { self } = (await node.status()) as unknown as { self: { port: number } }
    assert.notEqual(self.port, 7481)
    await bob.weftOk('down')
    await holder.stop()
    await bob.weftOk('up')
    const again = (await node.status()) as unknown as { self: { port: number } }
    assert.equal(again.self.port, self.port)
    await bob.weftOk('down')
    await nothingLeftOn(bob)
  })

  claim('says so when the port that it is told is taken', async () => {
    const holder = alice.spawn(process.execPath, '-e', holdPort)
    await holder.line(/holds/)
    refusedWith(await alice.weft('up', '--port', '7481'), /7481/)
    await holder.stop()
    await nothingLeftOn(alice)
  })

  claim('says so when it may not make an interface', async () => {
    const before = filesBelow(alice.path(STATE))
    refusedWith(await alice.run(...withoutNetAdmin, launcher, 'up'), /root/)
    await nothingLeftOn(alice)
    assert.deepEqual(filesBelow(alice.path(STATE)), before)
  })

  claim('ends on Ctrl-C, also when it comes twice, and leaves nothing', async () => {
    const agent = alice.spawnWeft('agent')
    await until('it is up', async () => /alice/.test((await alice.weft('status')).stdout))
    agent.signal('SIGINT')
    agent.signal('SIGINT')
    assert.deepEqual(await agent.exited, { code: 130, signal: null })
    assert.equal(agent.lines.filter((line) => line === 'weft: stopped by Ctrl-C').length, 1)
    await nothingLeftOn(alice)
  })
})

labTest('a coordinator whose port or state is taken says so, and changes nothing of the other', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const { machine } = await LabMesh.serve(lab.machine('dora'))
  const before = databaseOf(machine)
  refusedWith(await machine.weft('serve', '--no-node', '--state', '/var/lib/second'), /7480/)
  refusedWith(await machine.weft('serve', '--no-node', '--listen', '[::]:7999'), /held by process/)
  assert.deepEqual(databaseOf(machine), before)
  assert.equal(existsSync(machine.path('var/lib/second')), false)
})

labTest('weft serve ends on Ctrl-C with its node, also when it comes twice, and leaves nothing', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const { machine, process } = await LabMesh.serve(lab.machine('dora'), [])
  await process.line(/To let a device in/)
  assert.match(await machine.ok('ip', '-br', 'link'), /weft0/)
  process.signal('SIGINT')
  process.signal('SIGINT')
  assert.deepEqual(await process.exited, { code: 130, signal: null })
  assert.equal(process.lines.filter((line) => line === 'weft: stopped by Ctrl-C').length, 1)
  await nothingLeftOn(machine)
})

labTest('a mesh whose addresses are all taken refuses the next device', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('dora'), ['--no-node', '--range', '100.64.0.0/29'])
  const machines = Array.from({ length: 9 }, (_, number) => lab.machine(`node-${number}`))
  for (const machine of machines) {
    const { link } = await mesh.createLink()
    const outcome = await machine.weft('up', link)
    if (outcome.code === 0) continue
    refusedWith(outcome, /address/)
    await nothingLeftOn(machine)
    return
  }
  assert.fail('a /29 took nine devices')
})

/** Without what an agent that runs may change at any time: the netmap, and what it keeps of this machine's resolver until it ends. */
function lasting(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...files].filter(([name]) => !name.endsWith('/netmap.json') && name !== 'name-service.json'))
}

const holdPort = `
const socket = require('node:dgram').createSocket('udp6')
socket.bind(7481, '::', () => console.log('holds'))`
