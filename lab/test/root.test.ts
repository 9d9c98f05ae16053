/*
 *   alice ─┐  the server
 *   bob   ─┼─ lan   192.0.2.0/24   holds the root key, later
 *   carol ─┤
 *   dave  ─┘
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabMesh, labTest, type Machine, MeshNode, until } from '../src/index.ts'
import { program } from './programs/index.ts'

labTest('with the root key moved off the server, devices join by a file or a device that holds it', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const [alice, carol, dave] = [lab.machine('alice'), lab.machine('carol'), lab.machine('dave')]
  const mesh = await LabMesh.serve(alice)
  const bob = await mesh.join(lab.machine('bob'))
  const file = alice.path('var/lib/mesh.root')
  const told = await alice.weftOk('root', 'export', '/var/lib/mesh.root')
  assert.match(told, /Backups from before hold the key too/)
  const keys = keysIn(readFileSync(file, 'utf8'))
  assert.deepEqual(filesWith(alice, keys), ['var/lib/mesh.root'])

  const refused = await bob.machine.weft('link', 'create')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^weft: the root key of this mesh was moved off its server: [^\n]+--root FILE\n$/)

  const { link } = JSON.parse(await alice.weftOk('link', 'create', '--root', '/var/lib/mesh.root', '--json'))
  const joined = await up(carol, link)
  await joined.reaches(bob.v4)

  const server = ['--root', '/var/lib/mesh.root', '--state', '/var/lib/weft']
  const removed = JSON.parse(await alice.weftOk('remove', 'carol', ...server, '--json'))
  assert.deepEqual([removed.name, removed.revoked], [carol.name, true])
  await until(
    'carol is told that she was revoked',
    async () => JSON.parse(await carol.weftOk('status', '--json')).state === 'removed',
  )

  await mesh.process.stop()
  await mesh.restart()
  await mesh.process.line(/The root key was moved off this server/)
  await bob.machine.ok(
    'sh',
    '-c',
    `cat > /var/lib/mesh.root <<'END'\n${readFileSync(file, 'utf8')}END\nchmod 600 /var/lib/mesh.root`,
  )
  await bob.machine.weftOk('root', 'import', '/var/lib/mesh.root')
  const made = JSON.parse(await bob.machine.weftOk('link', 'create', '--json'))
  await (await up(dave, made.link)).reaches(bob.v4)
  assert.match(await bob.machine.weftOk('status'), /^root {2}held by this device/m)

  const report = await bob.machine.weftOk('bugreport', '-')
  assert.match(report, /"holdsRoot": true/)
  for (const key of keys) assert.ok(!report.includes(key.slice(0, 30)))

  await bob.machine.weftOk('root', 'export', '/var/lib/mesh.root')
  assert.equal((await bob.machine.weft('link', 'create')).code, 1)
  await alice.weftOk('root', 'import', '/var/lib/mesh.root', '--state', '/var/lib/weft')
  assert.match(await bob.machine.weftOk('link', 'create'), /^weft:\/\//)
})

for (const isMoved of [false, true])
  labTest(
    isMoved
      ? 'who takes the server over after its root key was moved adds no device, by whatever key it finds there'
      : 'who takes the server over before its root key was moved adds devices: the attack is a real one',
    async (lab) => {
      lab.switch('lan', { v4: '192.0.2.0/24' })
      const alice = lab.machine('alice')
      const mesh = await LabMesh.serve(alice)
      const [bob, carol] = await mesh.joinAll(lab.machine('bob'), lab.machine('carol'))
      if (isMoved) {
        await alice.weftOk('root', 'export', '/var/lib/mesh.root')
        await alice.ok('rm', '/var/lib/mesh.root')
      }
      await mesh.process.stop()
      const eve = alice.spawn(...program('taken-over', '/var/lib/weft', `${alice.address}:7480`))
      await eve.line(/^serving$/)
      const works = isMoved ? [] : ['account-by-account', 'root-by-root']
      const said = (verb: string) => eve.lines.flatMap((line) => (line.startsWith(`${verb} `) ? [line.split(' ')] : []))
      assert.deepEqual(
        said('relay').flatMap(([, name, state]) => (state === 'connected' ? [name] : [])),
        works,
      )

      await until('bob has heard of the forgeries', async () => (await bob.status()).refused.length > 0)
      const { peers, refused } = await bob.status()
      assert.deepEqual(peers.map(({ name }) => name).toSorted(), [...works, carol.name].toSorted())
      assert.equal(refused.length, said('link').length - works.length)
      await bob.reaches(carol.v4)

      const dave = lab.machine('dave')
      for (const [, name = '', link = ''] of said('link')) {
        const { code, stderr } = await dave.weft('up', link)
        assert.equal(code, 1)
        // It is given the certificates, and no answer to what it asks for with them.
        const isBelieved = !/chain|certificate/.test(stderr)
        assert.equal(isBelieved, works.includes(name), `${name}: ${stderr}`)
      }
    },
  )

async function up(machine: Machine, link: string): Promise<MeshNode> {
  await machine.weftOk('up', link)
  return new MeshNode(machine, JSON.parse(await machine.weftOk('status', '--json')).self)
}

const keysIn = (file: string): readonly string[] =>
  [...file.matchAll(/^(?:root|account) (\S{43}=)/gm)].map(([, key]) => key ?? '')

/** Those of the machine's state that hold one of the keys, in base64 or raw. */
function filesWith(machine: Machine, keys: readonly string[]): readonly string[] {
  assert.equal(keys.length, 2)
  const top = machine.path('var/lib')
  assert.ok(existsSync(join(top, 'weft/keys/root.key')))
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const content = readFileSync(path)
      return keys.some((key) => content.includes(key.slice(0, 42)) || content.includes(Buffer.from(key, 'base64')))
    })
    .map((path) => path.slice(path.indexOf('var/lib')))
}
