/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24, 2001:db8:1::/64
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Lab, LabMesh, type MeshNode, packetLoss, reporting, skipReason, until } from '../src/index.ts'

/** In 20 s each, 200 a second. */
const ECHOES = 4_000

describe('a device that takes new keys', { skip: skipReason(), timeout: 180_000 }, () => {
  let lab: Lab
  let alice: MeshNode
  let bob: MeshNode
  let mesh: LabMesh

  before(async () => {
    lab = await Lab.create()
    lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
    await reporting(lab, async () => {
      mesh = await LabMesh.serve(lab.machine('dora'))
      ;[alice, bob] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
      await alice.reaches(bob.v4)
    })
  })
  after(() => lab[Symbol.dispose]())

  const claim = (name: string, run: () => Promise<void>) => it(name, () => reporting(lab, run))

  claim('loses no packet of streams both ways, whichever end it is, or both at once', async () => {
    await losesNothing(async () => {
      for (const [node, peer] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        const before = await lastHandshake(peer, node)
        assert.deepEqual(await rotate(node), { published: true })
        await hasSessionAfter(before, peer, node)
      }
      await Promise.all([rotate(alice), rotate(bob)])
    })
    assert.equal((await alice.status()).peers.find(({ name }) => name === 'bob')?.path.kind, 'direct')
  })

  claim('is told with the coordinator gone that its keys wait, and loses nothing when it is back', async () => {
    mesh.machine.kill()
    await until('alice misses the coordinator', async () => (await alice.status()).coordinator?.state === 'away', {
      timeout: 60_000,
    })
    await losesNothing(async () => {
      const answer = await rotate(alice)
      assert.equal(answer.published, false)
      assert.match(answer.reason ?? '', /coordinator/)
      const { next } = keysOf(alice)
      const before = await lastHandshake(bob, alice)
      await mesh.restart()
      // It asks at once, and not when its next try would be due.
      await alice.machine.weftOk('up')
      await until('alice has the new keys', async () => keysOf(alice).channel === next?.channel)
      await hasSessionAfter(before, bob, alice)
    })
  })

  claim('goes on by its new keys after a restart', async () => {
    const { node } = keysOf(alice)
    alice.machine.kill()
    await alice.machine.weftOk('up')
    await alice.reaches(bob.v4)
    await bob.reaches(alice.v6)
    assert.equal(keysOf(alice).node, node)
  })

  async function losesNothing(meanwhile: () => Promise<void>): Promise<void> {
    const streams = [alice.machine.spawn(...stream(bob.v4)), bob.machine.spawn(...stream(alice.v6))]
    await Promise.all(streams.map((each) => each.line(/icmp_seq=\d+ ttl/)))
    await meanwhile()
    assert.ok(
      streams.every((each) => each.isRunning),
      'all of it was during the streams',
    )
    await Promise.all(streams.map((each) => each.exited))
    assert.deepEqual(
      streams.map((each) => packetLoss(each.lines.join('\n'))),
      [0, 0],
    )
  }
})

function stream(address: string): readonly [string, ...string[]] {
  return ['ping', '-n', '-i', '0.005', '-c', String(ECHOES), '-W', '2', address]
}

async function rotate(node: MeshNode): Promise<{ readonly published: boolean; readonly reason?: string }> {
  return JSON.parse(await node.machine.weftOk('rotate-key', '--json'))
}

async function lastHandshake(node: MeshNode, peer: MeshNode): Promise<string | null | undefined> {
  return (await node.status()).peers.find(({ name }) => name === peer.name)?.lastHandshake
}

async function hasSessionAfter(before: string | null | undefined, node: MeshNode, peer: MeshNode): Promise<void> {
  const text = `${node.name} has a new session with ${peer.name}`
  await until(text, async () => (await lastHandshake(node, peer)) !== before)
}

interface Keys {
  readonly node: string
  readonly channel: string
  readonly next?: Keys
}

function keysOf(node: MeshNode): Keys {
  const meshes = node.machine.path('/var/lib/weft/meshes')
  return JSON.parse(readFileSync(join(meshes, readdirSync(meshes)[0] ?? '', 'keys.json'), 'utf8'))
}
