/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { missing } from '@weft/testing/requirements'
import { Lab, LabMesh, type MeshNode, reporting, skipReason, until } from '../src/index.ts'
import { nothingLeftOn } from './inspection.ts'

const RESOLV_CONF = '# by hand\nnameserver 192.0.2.250\n'
/** When, after its start, an agent is killed, in ms: as it opens its state, makes its interface, connects, serves. */
const MOMENTS = [60, 120, 180, 240, 300, 400, 500, 700]
/** docs/protocols/channel.md: a node pings every 7 s, and is silent after 15 s. */
const PING_MS = 7_000
const SILENCE_MS = 15_000

describe('a machine whose plug is pulled', { skip: skipReason() || missing('getent'), timeout: 300_000 }, () => {
  let lab: Lab
  let alice: MeshNode
  let bob: MeshNode
  let clean: Remains

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    await reporting(lab, async () => {
      const mesh = await LabMesh.serve(lab.machine('dora'))
      const machine = lab.machine('alice')
      machine.writeResolvConf(RESOLV_CONF)
      ;[alice, bob] = await mesh.joinAll(machine, lab.machine('bob'))
      await alice.reaches(bob.v4)
      clean = await remainsOf(alice)
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  claim('has one interface and each route once after the next start, and is reached', async () => {
    for (let time = 0; time < 3; time++) {
      alice.machine.kill()
      await alice.machine.weftOk('up')
      await works()
      assert.deepEqual(await remainsOf(alice), clean)
    }
  })

  claim('so also when it was pulled in the middle of a start', async () => {
    for (const moment of MOMENTS) {
      alice.machine.kill()
      const starting = alice.machine.spawnWeft('up')
      await sleep(moment)
      alice.machine.kill()
      await starting.exited
    }
    await alice.machine.weftOk('up')
    await works()
    assert.deepEqual(await remainsOf(alice), clean)
  })

  claim('leaves nothing once it was stopped in order', async () => {
    await alice.machine.weftOk('down')
    await nothingLeftOn(alice.machine)
    assert.equal(await alice.machine.ok('cat', '/etc/resolv.conf'), RESOLV_CONF)
    await alice.machine.weftOk('up')
    await works()
  })

  claim('is offline to its peers once its connection is closed', async () => {
    const pulled = performance.now()
    bob.machine.kill()
    await until('bob is offline', async () => !(await isOnline()))
    assert.ok(performance.now() - pulled < PING_MS, 'it was noticed by its silence only')
    await bob.machine.weftOk('up')
    await until('bob is online', isOnline)
  })

  claim('is offline to its peers once it was silent for 15 seconds, and no earlier', async () => {
    const pulled = performance.now()
    bob.machine.setCable('down')
    await until('bob is offline', async () => !(await isOnline()), { timeout: 3 * SILENCE_MS })
    const after = performance.now() - pulled
    assert.ok(after > SILENCE_MS - PING_MS, `it was called silent after ${after} ms`)
    bob.machine.setCable('up')
    await until('bob is online', isOnline, { timeout: 60_000 })
  })

  async function works(): Promise<void> {
    await alice.reaches(bob.v4)
    await alice.reaches(bob.v6)
    await until('alice finds bob', async () =>
      (await alice.machine.run('getent', 'ahostsv4', 'bob')).stdout.startsWith(bob.v4),
    )
  }

  const isOnline = async () => (await alice.status()).peers.find(({ name }) => name === 'bob')?.online === true
})

/** What of weft one sees on a machine. */
interface Remains {
  readonly interfaces: readonly string[]
  readonly routes: readonly string[]
  readonly rules: string
  readonly resolvConf: string
  readonly sockets: readonly string[]
  readonly processes: number
}

async function remainsOf({ machine }: MeshNode): Promise<Remains> {
  const lines = async (...command: [string, ...string[]]) =>
    (await machine.ok(...command)).trim().split('\n').toSorted()
  return {
    interfaces: (await lines('ip', '-br', 'address')).map((line) => line.replace(/\s+/g, ' ')),
    routes: [...(await lines('ip', 'route')), ...(await lines('ip', '-6', 'route'))],
    rules: await machine.ok('ip', 'rule'),
    resolvConf: await machine.ok('cat', '/etc/resolv.conf'),
    sockets: await lines('ss', '-Hlnu'),
    processes: machine.processes.length,
  }
}
