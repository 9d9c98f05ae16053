/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24   bob is stolen
 *   carol ─┤
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { LabMesh, labTest, until } from '../src/index.ts'

/** Ten echoes of the streams. */
const SILENCE_MS = 1_000

labTest('a device that is removed is cut off from both others, and stays so without the coordinator', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('dora'))
  const [alice, bob, carol] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'), lab.machine('carol'))
  const streams = [alice, carol].map(({ machine }) => machine.spawn('ping', '-n', '-i', '0.1', bob.v4))
  const answers = () => streams.map(({ lines }) => lines.filter((line) => line.includes('bytes from')).length)
  await until('both hear bob', () => answers().every((count) => count > 10) || undefined)
  await bob.machine.ok('cp', '-a', '/var/lib/weft', '/var/lib/weft-before')

  assert.equal(JSON.parse(await alice.machine.weftOk('remove', 'bob', '--json')).revoked, true)
  await until('neither hears bob', async () => {
    const before = answers()
    await sleep(SILENCE_MS)
    return answers().join() === before.join() || undefined
  })
  const heard = answers()
  await until('bob knows', async () => (await bob.status()).state === 'removed')
  assert.match(await bob.machine.weftOk('status'), /This device was removed from the mesh/)

  mesh.machine.kill()
  bob.machine.kill()
  // What a thief would do who has copied it before.
  await bob.machine.ok('sh', '-c', 'rm -r /var/lib/weft && mv /var/lib/weft-before /var/lib/weft')
  await bob.machine.weftOk('up')
  assert.deepEqual((await bob.status()).peers.map(({ name }) => name).toSorted(), ['alice', 'carol'])
  assert.equal(await bob.ping(alice.v4, 5), 100)
  for (const { machine } of [alice, carol]) {
    machine.kill()
    await machine.weftOk('up')
  }
  await alice.reaches(carol.v4)
  assert.deepEqual(answers(), heard, 'no echo of the streams was answered since')
  for (const [from, to] of [
    [bob, alice],
    [bob, carol],
    [alice, bob],
    [carol, bob],
  ] as const)
    assert.equal(await from.ping(to.v4, 10), 100, `${from.name} to ${to.name}`)
})
