import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const REGISTER = `
import { registerHooks } from 'node:module'
registerHooks({ load: (url, context, next) => { process._rawDebug(url); return next(url, context) } })`
const FOREIGN =
  /node_modules\/(commander|zod|fastify|ws|qrcode|kysely)\/|apps\/(cli|agent|coordinator)\/|packages\/node\//

test('nothing of the CLI or the coordinator is loaded, in the background or before', () => {
  for (const module of ['run-wg', 'background', 'foreground']) {
    const loaded = modulesOf(`../src/${module}.ts`)
    assert.ok(loaded.length > 0)
    assert.deepEqual(
      loaded.filter((url) => FOREIGN.test(url)),
      [],
    )
  }
})

test('the process that waits for the background loads nothing of the engine', () => {
  assert.deepEqual(
    modulesOf('../src/background.ts').filter((url) => !/apps\/wg\/src\//.test(url)),
    [],
  )
})

function modulesOf(path: string): readonly string[] {
  const url = import.meta.resolve(path)
  const hook = `data:text/javascript,${encodeURIComponent(REGISTER)}`
  const { stderr, status } = spawnSync(process.execPath, ['--import', hook, '-e', `import(${JSON.stringify(url)})`], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stderr.split('\n').filter((line) => line.startsWith('file:'))
}
