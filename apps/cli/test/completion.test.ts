import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@weft/base'
import { serveControl } from '@weft/control-socket'
import { missing } from '@weft/testing/requirements'
import { complete } from '../src/complete.ts'
import { completionScripts, type Shell, shells } from '../src/completion-scripts.ts'
import { createProgram } from '../src/program.ts'

const launcher = fileURLToPath(import.meta.resolve('../../../weft'))
const directory = mkdtempSync(join(tmpdir(), 'weft-completion-'))
after(() => rmSync(directory, { recursive: true }))

test('every verb that help shows is offered, with what it does, and no hidden one', async () => {
  const program = createProgram()
  const found = await complete(program, [''], async () => [])
  assert.equal(found.kind, 'words')
  const words = found.kind === 'words' ? found.candidates.map(({ word }) => word) : []
  const shown = program.commands.map((each) => each.name()).filter((name) => name !== 'complete-words')
  for (const name of shown) assert.ok(words.includes(name), name)
  assert.ok(!words.includes('complete-words'))
  for (const each of found.kind === 'words' ? found.candidates : []) assert.notEqual(each.description, '')
})

test('the place in the line decides what is offered', async () => {
  const known = async (name: string) => [{ word: `a-${name}`, description: '' }]
  const offered = async (...words: readonly string[]) => {
    const found = await complete(createProgram(), words, known)
    return found.kind === 'words' ? found.candidates.map(({ word }) => word) : found.kind
  }
  assert.deepEqual(await offered('link', ''), ['create', 'list', 'revoke', 'help'])
  assert.ok((await offered('link', 'create', '--')).includes('--reusable'))
  assert.ok(!(await offered('link', 'create', '--')).includes('--watch'))
  assert.deepEqual(await offered('ping', ''), ['a-peer'])
  assert.deepEqual(await offered('ping', '-c', '3', ''), ['a-peer'])
  assert.deepEqual(await offered('ping', 'nas', ''), [])
  assert.deepEqual(await offered('completion', ''), [...shells])
  assert.equal(await offered('serve', '--state', ''), 'directories')
  assert.equal(await offered('status', '--socket', ''), 'files')
  assert.deepEqual(await offered('nonsense', 'x', ''), [])
})

for (const shell of shells) {
  test(`${shell} itself completes a verb, an option and a peer’s name`, {
    skip: missing(shell, 'script'),
  }, async () => {
    await using agent = await agentWith('observatory')
    for (const [typed, expected] of [
      ['weft stat', 'weft status'],
      ['weft status --wat', 'weft status --watch'],
      ['weft ping obs', 'weft ping observatory'],
      ['weft link rev', 'weft link revoke'],
    ] as const)
      assert.match(await completed(shell, typed, expected, agent.socket), new RegExp(expected), typed)
  })
}

/** What stands there after Tab. */
async function completed(shell: Shell, typed: string, expected: string, socket: string): Promise<string> {
  const script = join(directory, `completion.${shell}`)
  writeFileSync(script, completionScripts[shell])
  const env = { ...process.env, PATH: `${binaries()}:${process.env.PATH}`, WEFT_SOCKET: socket, TERM: 'dumb' }
  if (shell === 'fish') {
    const command = `source ${script}; complete -C '${typed}'`
    const { stdout } = await ended(spawn('fish', ['--no-config', '-c', command], { env }))
    return `${typed.slice(0, typed.lastIndexOf(' '))} ${stdout}`
  }
  return await inTerminal({ shell, script, typed, expected, env })
}

/** Types it in the shell at a terminal, then Tab; what the terminal then shows, once it holds what is expected. */
async function inTerminal(asked: {
  readonly shell: Shell
  readonly script: string
  readonly typed: string
  readonly expected: string
  readonly env: NodeJS.ProcessEnv
}): Promise<string> {
  const { shell, script, typed, expected, env } = asked
  const start = shell === 'bash' ? 'bash --norc --noprofile -i' : 'zsh -f -i'
  const prepare = shell === 'bash' ? `source ${script}` : `autoload -U compinit; compinit -u -D; source ${script}`
  const child = spawn('script', ['-qfc', start, '/dev/null'], { env })
  let seen = ''
  let onSeen = () => {}
  child.stdout.setEncoding('utf8').on('data', (part) => {
    seen += part.replaceAll('\u0007', '')
    onSeen()
  })
  const shows = (text: string, from: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${shell} shows ${JSON.stringify(seen.slice(from))}`)), 20_000)
      onSeen = () => {
        if (!seen.slice(from).includes(text)) return
        clearTimeout(timer)
        resolve()
      }
      onSeen()
    })
  try {
    // Apart, so that it is not taken from the echo of what was typed.
    child.stdin.write(`${prepare}; echo rea''dy\n`)
    await shows('ready', 0)
    const before = seen.length
    child.stdin.write(`${typed}\t`)
    await shows(expected, before)
    return seen.slice(before)
  } finally {
    child.kill('SIGKILL')
  }
}

function binaries(): string {
  try {
    symlinkSync(launcher, join(directory, 'weft'))
  } catch {
    // It is there already.
  }
  return directory
}

async function ended(child: ReturnType<typeof spawn>): Promise<{ readonly stdout: string }> {
  let stdout = ''
  child.stdout?.on('data', (part) => (stdout += part))
  await new Promise((resolve) => child.once('close', resolve))
  return { stdout }
}

async function agentWith(name: string): Promise<AsyncDisposable & { readonly socket: string }> {
  const socket = join(mkdtempSync(join(directory, 'agent-')), 'agent.sock')
  const status = {
    access: 'read' as const,
    params: { parse: (value: unknown) => value },
    run: async () => ({ peers: [{ name, addresses: ['100.64.1.2'] }] }),
  }
  const server = await serveControl({ path: socket, methods: { status }, logger: silentLogger })
  return { socket, [Symbol.asyncDispose]: () => server.close() }
}

test('the manual page has every verb and option of help, and neither man nor mandoc finds a fault', {
  skip: missing('man', 'mandoc'),
}, () => {
  const page = spawnSync(launcher, ['manual'], { encoding: 'utf8' }).stdout
  const file = join(directory, 'weft.1')
  writeFileSync(file, page)
  const man = spawnSync('man', ['--warnings', '-l', file], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '100', PAGER: 'cat' },
  })
  assert.equal(man.stderr, '')
  const shown = man.stdout
  for (const command of createProgram().commands.filter((each) => each.name() !== 'complete-words')) {
    assert.match(shown, new RegExp(`weft ${command.name()}\\b`))
    for (const option of command.options.filter((each) => !each.hidden)) assert.ok(shown.includes(option.long ?? ''))
  }
  assert.match(shown, /Examples:/)
  const lint = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', file], { encoding: 'utf8' })
  assert.deepEqual(
    lint.stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
    [],
  )
})
