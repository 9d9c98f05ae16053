/*
 *   alice ─┐
 *   bob   ─┤
 *          ├─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   eve   ─┤  in no mesh
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { Lab, LabMesh, type Machine, type MeshNode, reporting, skipReason, until } from '../src/index.ts'
import { ReferenceServer } from './dns-reference.ts'
import { program } from './programs/index.ts'

const skip = skipReason() || missing('dig', 'getent', 'nsd')

describe('names', { skip, timeout: 300_000 }, () => {
  let lab: Lab
  let mesh: LabMesh
  let alice: MeshNode
  let bob: MeshNode
  let eve: Machine
  let resolver: string
  let resolver6: string

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
      eve = lab.machine('eve')
      // Where alice's resolver is found before weft takes its place.
      const machine = lab.machine('alice')
      machine.writeResolvConf(`nameserver ${mesh.machine.address}\n`)
      ;[alice, bob] = await mesh.joinAll(machine, lab.machine('bob'))
      const { names } = await status(alice)
      ;[resolver = '', resolver6 = ''] = names?.resolvers ?? []
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  claim('are answered at the reserved addresses, by UDP and TCP, over IPv4 and IPv6', async () => {
    assert.match(resolver, /^100\..*\.53$/)
    assert.match(resolver6, /^fd.*::53$/)
    for (const at of [`@${resolver}`, `@${resolver6}`])
      for (const transport of ['+notcp', '+tcp']) {
        assert.deepEqual(await dig(alice, at, transport, 'bob.weft', 'A'), [bob.v4])
        assert.deepEqual(await dig(alice, at, transport, 'photos.bob.weft', 'AAAA'), [bob.v6])
        assert.deepEqual(await dig(alice, at, transport, '-x', bob.v4), ['bob.weft.'])
        assert.deepEqual(await dig(alice, at, transport, '-x', bob.v6), ['bob.weft.'])
      }
  })

  claim('that are not there are denied, and what is not there at a name is told', async () => {
    const denied = await alice.machine.ok('dig', `@${resolver}`, 'nobody.weft', 'A')
    assert.match(denied, /status: NXDOMAIN/)
    assert.match(denied, /flags: qr aa rd ra/)
    assert.match(denied, /weft\.\s+5\s+IN\s+SOA\s+dns\.weft\./)
    const empty = await alice.machine.ok('dig', `@${resolver}`, 'bob.weft', 'MX')
    assert.match(empty, /status: NOERROR.*ANSWER: 0, AUTHORITY: 1/s)
    assert.match(await alice.machine.ok('dig', `@${resolver}`, 'bob.weft'), /bob\.weft\.\s+5\s+IN\s+A/)
  })

  claim('serve getent, ping and curl, short and below a device', async () => {
    assert.match(await alice.machine.ok('getent', 'ahostsv4', 'bob'), new RegExp(`^${bob.v4}\\s`))
    assert.match(await alice.machine.ok('getent', 'ahostsv6', 'bob.weft'), new RegExp(`^${bob.v6}\\s`))
    assert.match(await alice.machine.ok('getent', 'hosts', bob.v4), /bob\.weft/)
    await alice.machine.ok('ping', '-c', '1', '-W', '5', 'bob')
    const server = bob.machine.spawn(...program('web-server', 8080, 'the text of bob'))
    await server.line(/listening/)
    for (const host of ['bob', 'bob.weft', 'photos.bob.weft'])
      assert.equal(await alice.machine.ok('curl', '-sS', '-m', '10', `http://${host}:8080/`), 'the text of bob')
    await server.stop()
  })

  claim('of others come from the resolver that was there before, whatever it is like', async () => {
    const odd = mesh.machine.spawn(...program('odd-resolver', mesh.machine.address, resolver))
    await odd.line(/listening/)
    for (const transport of ['+notcp', '+tcp'])
      assert.deepEqual(await dig(alice, `@${resolver}`, transport, 'example.org'), ['203.0.113.9'])
    assert.match(await alice.machine.ok('getent', 'ahostsv4', 'www.example.org'), /^203\.0\.113\.9\s/)
    assert.equal((await dig(alice, `@${resolver}`, '+bufsize=512', 'long.example')).length, 200)
    const failing = ['late', 'liar', 'loop'].map((label) =>
      alice.machine.ok('dig', `@${resolver}`, '+time=15', '+tries=1', `${label}.example`),
    )
    for (const text of await Promise.all(failing)) assert.match(text, /status: SERVFAIL/)
    assert.equal(odd.lines.filter((line) => line === 'looping').length, 4)
    assert.match(await alice.machine.ok('dig', `@${resolver}`, '+tcp', '+time=15', 'liar.example'), /status: SERVFAIL/)
    assert.deepEqual(await dig(alice, `@${resolver}`, 'bob.weft'), [bob.v4])
    await odd.stop()
  })

  claim('do not need port 53, whoever has it', async () => {
    const server = await ReferenceServer.start(alice.machine, 53, [])
    assert.deepEqual(await dig(alice, `@${resolver}`, '+tcp', 'bob.weft'), [bob.v4])
    await server.stop()
  })

  claim('are told to nobody but this machine', async () => {
    const asked = ['+time=1', '+tries=1', 'bob.weft'] as const
    for (const [machine, at] of [
      [bob.machine, alice.v4],
      [bob.machine, alice.v6],
      [eve, alice.machine.address],
    ] as const)
      assert.notEqual((await machine.run('dig', `@${at}`, ...asked)).code, 0, `${machine.name} at ${at}`)
    await alice.machine.ok('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    await eve.ok('ip', 'route', 'add', `${resolver}/32`, 'via', alice.machine.address)
    assert.notEqual((await eve.run('dig', `@${resolver}`, ...asked)).code, 0, 'eve through alice')
  })

  claim('answer as a reference server does', async () => {
    await mesh.machine.weftOk('names', 'add', 'git.weft', 'A', '192.0.2.77', ...STATE)
    await mesh.machine.weftOk('names', 'add', 'www.weft', 'CNAME', 'photos.bob.weft', ...STATE)
    await mesh.machine.weftOk('names', 'add', 'lost.weft', 'CNAME', 'nowhere.weft', ...STATE)
    await mesh.machine.weftOk('names', 'add', '_x.deep.txt.weft', 'TXT', 'some text', ...STATE)
    await until(
      'alice knows all records',
      async () => (await dig(alice, `@${resolver}`, '_x.deep.txt.weft', 'TXT')).length > 0,
    )
    const zones = ReferenceServer.zonesOf({
      devices: [alice, bob],
      resolvers: [resolver, resolver6],
      records: ['git A 192.0.2.77', 'www CNAME photos.bob', 'lost CNAME nowhere', '_x.deep.txt TXT "some text"'],
    })
    const server = await ReferenceServer.start(alice.machine, 5300, zones)
    const { questions, differences, answered } = await server.compare(alice.machine, resolver, 1_000, zones)
    assert.deepEqual(differences, [])
    assert.equal(questions, 1_000)
    assert.ok(answered > 100, `${answered} of the questions have an answer`)
    await server.stop()
  })

  claim('survive whatever is sent to the resolver', async () => {
    const junk = Array.from({ length: 2_000 }, (_, i) => junkLine(i)).join('\n')
    for (const at of [resolver, resolver6])
      assert.equal((await alice.machine.runWith({ input: junk }, ...program('udp-send', at, 53))).code, 0)
    const few = Array.from({ length: 40 }, (_, i) => junkLine(i)).join('\n')
    assert.equal((await alice.machine.runWith({ input: few }, ...program('tcp-junk', resolver, 53))).code, 0)
    assert.deepEqual(await dig(alice, `@${resolver}`, 'bob.weft'), [bob.v4])
    assert.deepEqual(await dig(alice, `@${resolver}`, '+tcp', 'bob.weft'), [bob.v4])
  })

  claim('follow a device that is renamed, by itself and by others', async () => {
    await bob.machine.weftOk('rename', 'attic')
    await until('attic is bob', async () => (await dig(alice, `@${resolver}`, 'attic.weft')).join() === bob.v4)
    assert.deepEqual(await dig(alice, `@${resolver}`, 'bob.weft'), [])
    assert.deepEqual(await dig(alice, `@${resolver}`, '-x', bob.v4), ['attic.weft.'])
    assert.equal((await bob.status()).self?.name, 'attic')
    await alice.machine.ok('ping', '-c', '1', '-W', '5', 'attic')
    const refused = await alice.machine.weft('rename', 'attic', 'alice')
    assert.deepEqual([refused.code, /alice is taken; alice-2 is free/.test(refused.stderr)], [1, true], refused.stderr)
    await alice.machine.weftOk('rename', 'attic', 'bob')
    await until('bob is bob', async () => (await dig(alice, `@${resolver}`, 'bob.weft')).join() === bob.v4)
  })

  claim('work while the coordinator is away, also after a crash', async () => {
    // At once: what alice was told a moment ago is on disk.
    await bob.machine.weftOk('rename', 'cellar')
    await until('cellar is bob', async () => (await dig(alice, `@${resolver}`, 'cellar.weft')).join() === bob.v4)
    mesh.machine.kill()
    alice.machine.kill()
    await alice.machine.weftOk('up')
    assert.deepEqual(await dig(alice, `@${resolver}`, 'cellar.weft'), [bob.v4])
    assert.deepEqual(await dig(alice, `@${resolver}`, 'bob.weft'), [])
    assert.deepEqual(await dig(alice, `@${resolver}`, 'git.weft'), ['192.0.2.77'])
    await mesh.restart()
  })

  claim('end with the device that is removed', async () => {
    await until('alice is connected', async () => (await alice.status()).coordinator?.state === 'connected', {
      timeout: 90_000,
    })
    await alice.machine.weftOk('remove', 'cellar')
    await until('bob is gone', async () => (await dig(alice, `@${resolver}`, 'cellar.weft')).length === 0)
    assert.equal((await alice.machine.run('getent', 'ahosts', 'cellar')).code, 2)
    assert.deepEqual((await alice.status()).peers, [])
  })

  claim('are gone with the interface', async () => {
    await alice.machine.weftOk('down')
    const { code } = await alice.machine.run('dig', `@${resolver}`, '+time=1', '+tries=1', 'alice.weft')
    assert.notEqual(code, 0)
  })
})

const STATE = ['--state', '/var/lib/weft'] as const

async function status(node: MeshNode): Promise<{ names: { resolvers: readonly string[] } | null }> {
  return JSON.parse(await node.machine.weftOk('status', '--json'))
}

async function dig(node: MeshNode, ...args: readonly string[]): Promise<readonly string[]> {
  const text = await node.machine.ok('dig', '+short', '+time=5', '+tries=2', ...args)
  return text.trim().split('\n').filter(Boolean)
}

/** Questions that were cut, turned over and filled with anything. */
function junkLine(seed: number): string {
  const question = Buffer.from('12670100000100000000000003626f62047765667400000100010000291000000000000000', 'hex')
  let state = seed + 1
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  for (let change = 1 + next(5); change > 0; change--) question[next(question.length)] = next(256)
  return question.subarray(0, 1 + next(question.length)).toString('hex')
}
