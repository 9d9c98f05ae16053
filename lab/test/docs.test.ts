/*
 *   alice ─┐  coordinator and node, with a web page
 *   bob   ─┼─ lan   192.0.2.0/24   where the commands are typed
 *   carol ─┘
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { LabMesh, labTest, type Machine, until } from '../src/index.ts'
import { program } from './programs/index.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md', { cwd: REPOSITORY })]

/** What is not typed here, each with its reason. */
const notRun: readonly (readonly [RegExp, string])[] = [
  [/^npm start$/, 'it is ./weft serve, which runs here as the coordinator'],
  [/^npm (test|run check|run test:long)$/, 'this test is a part of it'],
  [/^npm run fuzz$/, 'it takes half an hour; npm test runs a sample of each'],
  [/^npm run format$/, 'it would rewrite the checkout that is being tested'],
  [/^(sudo )?weft service /, 'it needs systemd as the first process; its own tests run what a unit holds'],
  [/^sudo weft root |--root FILE$/, 'they move the root key off the server for good; root.test.ts does it'],
  [/^weft serve --only relay /, 'it runs until it is stopped; relays.test.ts runs it'],
  [/^weft root file 1$/, 'it is how such a file begins'],
  [/^docker /, 'there is no container engine in the lab'],
  [/^sudo npm run lab$/, 'playground.test.ts runs it'],
  [/^(sudo )?npm run lab:paths/, 'it takes minutes; paths.test.ts runs the pairs that matter'],
  [/^sudo \.\/weft serve --restore FILE$/, 'it runs until it is stopped; the coordinator’s own tests restore a backup'],
]

test('a page’s commands are found, whatever block they stand in', () => {
  const page =
    'text `npm x`\n\n    sudo ./weft up LINK   # joins\n    a drawing ── of it\n\n```sh\ncurl http://a\n```\n'
  assert.deepEqual(commandsIn(page), ['sudo ./weft up LINK', 'curl http://a'])
})

labTest('every command in README and docs does what it says, but those that are run elsewhere', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24', v6: '2001:db8:1::/64' })
  const mesh = await LabMesh.serve(lab.machine('alice'), [])
  const alice = mesh.machine
  const bob = lab.machine('bob')
  await mesh.join(lab.machine('carol'))
  await alice.spawn(...program('web-server', 8080, 'hello')).line(/listening/)
  writeFileSync(bob.path('var/lib/wg0.conf'), '[Interface]\nListenPort = 51820\n')
  await mesh.createLink()
  const commands = PAGES.flatMap((page) => commandsIn(readFileSync(join(REPOSITORY, page), 'utf8')))
  assert.ok(commands.length > 15, commands.join('\n'))
  for (const command of commands.filter((each) => !notRun.some(([pattern]) => pattern.test(each)))) {
    const on = command.includes(' serve ') ? alice : bob
    const typed = await filledIn(command, alice)
    const what = `${command} (${typed})`
    if (/^curl|ping/.test(command))
      await until(what, async () => (await type(on, typed)).code === 0, { timeout: 30_000 })
    const { code, stdout, stderr } = await type(on, typed)
    assert.equal(code, 0, `${what}: ${stderr || stdout}`)
  }
})

/** Whose answers other tests look at. */
const jsonElsewhere = /^(up|down|trust|serve|root|service|bugreport|relay (add|remove|describe))\b/

labTest('what every verb says with --json has the fields that docs/scripting.md names', async (lab) => {
  lab.switch('lan', { v4: '192.0.2.0/24' })
  const mesh = await LabMesh.serve(lab.machine('alice'), [])
  const alice = mesh.machine
  await mesh.join(lab.machine('carol'))
  await until('carol answers', async () => (await alice.weft('ping', '-c', '1', 'carol')).code === 0)
  const rows = [
    ...readFileSync(join(REPOSITORY, 'docs/scripting.md'), 'utf8').matchAll(/^\| `weft (.+?)` \| (.+) \|$/gm),
  ]
  const typed = rows.filter(([, verb = '']) => !jsonElsewhere.test(verb))
  assert.ok(typed.length > 10)
  for (const [, verb = '', told = ''] of typed) {
    const { code, stdout, stderr } = await type(alice, `${await filledIn(`weft ${verb}`, alice)} --json`)
    assert.equal(code, 0, `${verb}: ${stderr}`)
    const answers: readonly object[] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const fields = [...told.matchAll(/`(\w+)`/g)].map(([, field]) => field)
    assert.deepEqual(answers.flatMap(Object.keys).sort(), fields.sort(), verb)
  }
})

const COMMAND = /^(sudo |\.\/weft |weft |npm |curl |ping |dig |getent |ssh |man |wg |docker )/

function commandsIn(page: string): readonly string[] {
  let isFenced = false
  return page.split('\n').flatMap((line) => {
    if (line.startsWith('```')) isFenced = !isFenced
    else if (isFenced || line.startsWith('    ')) {
      const command = line.trim().replace(/\s+#.*$/, '')
      if (COMMAND.test(command)) return [command]
    }
    return []
  })
}

/** With what a reader would put in the place of its capital letters. */
async function filledIn(command: string, alice: Machine): Promise<string> {
  const self = JSON.parse(await alice.weftOk('status', '--json')).self
  const address: string = self.addresses.find((each: string) => !each.includes(':'))
  const link = command.includes('weft://…') ? JSON.parse(await alice.weftOk('link', 'create', '--json')).link : ''
  const id = / revoke ID\b/.test(command) ? JSON.parse(await alice.weftOk('link', 'create', '--json')).id : ''
  return command
    .replaceAll('sudo ', '')
    .replaceAll('weft://…', link)
    .replaceAll('100.x.y.z', address)
    .replaceAll(/\bNAME\b/g, 'alice')
    .replaceAll(/\bPEER\b/g, 'carol')
    .replaceAll(/\bFILE\b/g, '/var/lib/mesh.backup')
    .replaceAll(/\bID\b/g, id)
    .replaceAll(/(?<=^|&& |\| )(\.\/)?weft /g, `${REPOSITORY}/weft `)
}

const type = (machine: Machine, command: string) => machine.run('sh', '-c', `cd /var/lib && ${command}`)
