/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { Lab, LabMesh, type MeshNode, reporting, skipReason, until } from '../src/index.ts'

const BEFORE = '# by hand\nnameserver 192.0.2.250\nsearch example.org\n'

describe('a plain resolv.conf', { skip: skipReason() || missing('dig', 'getent'), timeout: 300_000 }, () => {
  let lab: Lab
  let mesh: LabMesh
  let alice: MeshNode
  let bob: MeshNode

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
      const machine = lab.machine('alice')
      machine.writeResolvConf(BEFORE)
      ;[alice, bob] = await mesh.joinAll(machine, lab.machine('bob'))
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))
  const text = () => alice.machine.ok('cat', '/etc/resolv.conf')
  const names = async () => JSON.parse(await alice.machine.weftOk('status', '--json')).names
  const finds = (name: string) =>
    until(`alice finds ${name}`, async () => {
      const { stdout } = await alice.machine.run('getent', 'ahostsv4', name)
      return stdout.startsWith(bob.v4)
    })

  claim('is written to, so that getent, ping and dig find devices by their short names', async () => {
    await finds('bob')
    assert.equal((await names()).way, 'resolv.conf')
    assert.match(await text(), /^search weft example\.org$/m)
    await alice.machine.ok('ping', '-c', '1', '-W', '5', 'bob')
    assert.equal((await alice.machine.ok('dig', '+short', '+search', 'bob')).trim(), bob.v4)
  })

  claim('goes on with names when another program rewrites it, whose text is put back', async () => {
    const leased = 'nameserver 192.0.2.251\nsearch lan\n'
    alice.machine.writeResolvConf(leased)
    await until('weft is asked again', async () => /^search weft lan$/m.test(await text()))
    await finds('bob')
    await alice.machine.weftOk('down')
    assert.equal(await text(), leased)
    await alice.machine.weftOk('up')
    await finds('bob')
  })

  claim('follows a rename', async () => {
    await mesh.machine.weftOk('rename', 'bob', 'robert', '--state', '/var/lib/weft')
    await until('alice knows robert', async () => (await alice.status()).peers.some(({ name }) => name === 'robert'))
    await finds('robert')
  })

  claim('is put back by the next start after a crash, also where that leaves the resolver alone', async () => {
    const before = 'nameserver 192.0.2.251\nsearch lan\n'
    assert.notEqual(await text(), before)
    alice.machine.kill()
    assert.notEqual(await text(), before)
    await alice.machine.weftOk('up', '--no-dns')
    assert.equal(await text(), before)
    assert.equal((await names()).way, 'none')
    await alice.machine.weftOk('down')
  })

  claim('is left to a tool that keeps rewriting it, after four times', async () => {
    await alice.machine.weftOk('up')
    await finds('robert')
    const theirs = 'nameserver 192.0.2.252'
    const rewrites = `while :; do
      if grep -q weft /etc/resolv.conf; then echo taken; fi
      echo ${theirs} >/etc/resolv.conf
      sleep 0.2
    done`
    const tool = alice.machine.spawn('sh', '-c', rewrites)
    const { reason, resolvers } = await until(
      'weft gives up',
      async () => {
        const found = await names()
        return found.way === 'none' ? found : undefined
      },
      { timeout: 60_000 },
    )
    assert.match(reason, /another program keeps rewriting \/etc\/resolv\.conf/)
    await tool.stop('SIGKILL')
    // As weft found it, and the four times that it answered.
    assert.equal(tool.lines.filter((line) => line === 'taken').length, 5)
    assert.equal((await alice.machine.ok('dig', '+short', `@${resolvers[0]}`, 'robert.weft')).trim(), bob.v4)
    await alice.machine.weftOk('down')
    assert.equal(await text(), `${theirs}\n`)
    await alice.machine.weftOk('up')
    await finds('robert')
    await alice.machine.weftOk('down')
  })

  claim('leaves /etc/hosts alone', async () => {
    assert.equal(readFileSync('/etc/hosts', 'utf8').includes('weft'), false)
  })
})
