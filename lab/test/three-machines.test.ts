/*
 *   alice ─┐
 *   bob   ─┤
 *          ├─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   carol ─┤
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import {
  Lab,
  LabMesh,
  type Machine,
  type MeshNode,
  packetLoss,
  reporting,
  type Switch,
  skipReason,
  until,
} from '../src/index.ts'
import { program } from './programs/index.ts'

const GIBIBYTE = 2 ** 30
const TRANSFER_TIMEOUT_MS = 120_000

describe('three machines on one switch', { skip: skipReason(), timeout: 300_000 }, () => {
  let lab: Lab
  let lan: Switch
  let alice: MeshNode
  let bob: MeshNode
  let carol: MeshNode
  let mesh: LabMesh

  before(async () => {
    lab = await Lab.create()
    lan = lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
      ;[alice, bob, carol] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'), lab.machine('carol'))
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  claim('are known to each other by the names of their hosts, with an address of each family', async () => {
    for (const [node, name] of [
      [alice, 'alice'],
      [bob, 'bob'],
      [carol, 'carol'],
    ] as const) {
      assert.equal(node.name, name)
      assert.match(node.v4, /^100\./)
      assert.match(node.v6, /^fd/)
    }
    const { peers } = await alice.status()
    assert.deepEqual(peers.map(({ name }) => name).toSorted(), ['bob', 'carol'])
    assert.deepEqual(peers.find(({ name }) => name === 'bob')?.addresses.toSorted(), [bob.v4, bob.v6].toSorted())
  })

  claim('ping each other by IPv4 and IPv6', async () => {
    const nodes = [alice, bob, carol]
    for (const from of nodes)
      for (const to of nodes) for (const address of from === to ? [] : [to.v4, to.v6]) await from.reaches(address)
  })

  claim('fetch from each other’s web servers', async () => {
    const server = bob.machine.spawn(...program('web-server', 8080, 'the text of bob'))
    await server.line(/listening/)
    for (const host of [bob.v4, `[${bob.v6}]`])
      for (const node of [alice, carol])
        assert.equal(await node.machine.ok('curl', '-sS', '-m', '10', `http://${host}:8080/`), 'the text of bob')
    await server.stop()
  })

  claim('are pinged by weft itself, which tells the path', async () => {
    const { code, stdout, stderr } = await alice.machine.weft('ping', 'bob', '-c', '2', '-i', '0.2', '--json')
    assert.equal(code, 0, stderr)
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(answers[0].path.kind, 'direct')
    assert.ok(answers[0].rttMs > 0 && answers[0].rttMs < 1000)
    const path = (await alice.status()).peers.find(({ name }) => name === 'bob')?.path
    assert.equal(path?.kind, 'direct')
    assert.match(path?.endpoint ?? '', /^(192\.0\.2\.|\[2001:db8:1::)/)
  })

  claim('move 1 GiB by TCP, whole', async () => {
    const sink = bob.machine.spawn(...program('tcp-sink', 9000))
    await sink.line(/listening/)
    const source = await alice.machine.runWith(
      { timeout: TRANSFER_TIMEOUT_MS },
      ...program('tcp-source', bob.v4, 9000, GIBIBYTE),
    )
    const [, bytes, hash] = await sink.line(/received (\d+) (\w+)/)
    assert.equal(source.code, 0, source.stderr)
    assert.deepEqual([Number(bytes), hash], [GIBIBYTE, source.stdout.trim()])
  })

  claim('show no byte of what they say to the wire', async () => {
    const marker = randomBytes(32)
    const capture = await lan.capture(alice.machine)
    await sendMarker(alice.machine, bob.machine, bob.v4, marker)
    await sendMarker(alice.machine, bob.machine, bob.v6, marker)
    const sealed = Buffer.from(await capture.stop())
    assert.equal(sealed.includes(marker), false)
    assert.ok(sealed.length > 2 * marker.length)

    const control = await lan.capture(alice.machine)
    await sendMarker(alice.machine, bob.machine, bob.machine.address, marker)
    assert.ok(Buffer.from(await control.stop()).includes(marker))
  })

  claim('lose nothing to each other when one of them is killed', async () => {
    const pings = [alice.machine.spawn(...steadyPing(bob.v4)), bob.machine.spawn(...steadyPing(alice.v6))]
    await Promise.all(pings.map((ping) => ping.line(/icmp_seq=\d+ ttl/)))
    carol.machine.kill()
    await Promise.all(pings.map((ping) => ping.exited))
    assert.deepEqual(
      pings.map((ping) => packetLoss(ping.lines.join('\n'))),
      [0, 0],
    )
    assert.equal(await alice.ping(carol.v4), 100)
  })

  claim('go on when the coordinator is killed, and make new sessions without it', async () => {
    const ping = alice.machine.spawn(...steadyPing(bob.v4))
    await ping.line(/icmp_seq=\d+ ttl/)
    mesh.machine.kill()
    await ping.exited
    assert.equal(packetLoss(ping.lines.join('\n')), 0)

    alice.machine.kill()
    await alice.machine.weftOk('up')
    await alice.reaches(bob.v4)
    await carol.machine.weftOk('up')
    await carol.reaches(alice.v6)
    assert.notEqual((await alice.status()).coordinator?.state, 'connected')
  })

  claim('find the coordinator again when it is back', async () => {
    await mesh.restart()
    await until('alice is connected', async () => (await alice.status()).coordinator?.state === 'connected', {
      timeout: 90_000,
    })
  })
})

/** 200 echoes in 4 s. */
function steadyPing(address: string): readonly [string, ...string[]] {
  return ['ping', '-n', '-i', '0.02', '-c', '200', '-W', '2', address]
}

async function sendMarker(from: Machine, to: Machine, address: string, marker: Uint8Array): Promise<void> {
  const sink = to.spawn(...program('udp-sink', 9001))
  await sink.line(/listening/)
  const { code, stderr } = await from.runWith({ input: `${marker.toHex()}\n` }, ...program('udp-send', address, 9001))
  assert.equal(code, 0, stderr)
  await sink.line(new RegExp(marker.toHex()))
  await sink.stop()
}
