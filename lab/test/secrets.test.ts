/*
 *   alice ─┐
 *   bob   ─┼─ lan   192.0.2.0/24
 *   dora  ─┘  the coordinator
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabMesh, labTest, type Machine } from '../src/index.ts'

labTest('no private key of a node is in the coordinator’s files, logs or on the wire', async (lab) => {
  const lan = lab.switch('lan', { v4: '192.0.2.0/24' })
  const dora = lab.machine('dora')
  const capture = await lan.capture(dora)
  const mesh = await LabMesh.serve(dora)
  const [alice, bob] = await mesh.joinAll(lab.machine('alice'), lab.machine('bob'))
  await alice.reaches(bob.v4)
  await mesh.process.stop()

  const heard = [
    ...bytesOf(dora.path('var/lib')),
    ...bytesOf(dora.path('log')),
    { name: 'the wire', bytes: Buffer.from(await capture.stop()) },
  ]
  assert.ok(heard.some(({ name }) => name.endsWith('coordinator.db')))
  for (const node of [alice, bob]) {
    for (const key of privateKeysOf(node.machine)) {
      assert.deepEqual(
        heard.filter(({ bytes }) => holds(bytes, key)).map(({ name }) => name),
        [],
      )
      assert.ok(holds(readFileSync(keysFileOf(node.machine)), key), 'the search finds it where it is')
    }
  }
})

labTest('the files of a node and of the coordinator are for their owner only', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('dora'))
  const [alice] = await mesh.joinAll(lab.machine('alice'))
  for (const machine of [mesh.machine, alice.machine]) {
    const open = await machine.ok('find', '/var/lib/weft', '-perm', '/077', '-not', '-type', 's')
    assert.equal(open, '')
  }
})

/** Raw, hexadecimal, or base64 of either alphabet, at whatever place in its groups of three. */
function holds(bytes: Buffer, key: Buffer): boolean {
  const hex = key.toString('hex')
  return [key, hex, hex.toUpperCase(), ...base64Forms(key)].some((form) => bytes.includes(form))
}

function base64Forms(key: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    // Without the characters that depend on what stands before and behind.
    const whole = Buffer.concat([Buffer.alloc(shift), key]).toString('base64url')
    const inner = whole.slice(Math.ceil((shift * 4) / 3), Math.floor(((shift + key.length) * 4) / 3))
    return [inner, inner.replaceAll('-', '+').replaceAll('_', '/')]
  })
}

function keysFileOf(machine: Machine): string {
  const meshes = machine.path('var/lib/weft/meshes')
  const [name] = readdirSync(meshes)
  return join(meshes, name ?? '', 'keys.json')
}

function privateKeysOf(machine: Machine): readonly Buffer[] {
  const file: Record<string, string> = JSON.parse(readFileSync(keysFileOf(machine), 'utf8'))
  return ['identity', 'node', 'channel', 'probe', 'kem'].map((role) => {
    const key = Buffer.from(file[role] ?? '', 'base64')
    assert.ok(key.length >= 32, role)
    return key
  })
}

function bytesOf(directory: string): readonly { readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((name) => ({ name, bytes: readFileSync(name) }))
}
