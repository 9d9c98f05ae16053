import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { skipReason } from '../src/index.ts'

const PLAYGROUND = fileURLToPath(import.meta.resolve('../src/playground.ts'))

test('the playground joins three machines, gives a shell, and takes all down at its end', {
  skip: skipReason(),
  timeout: 60_000,
}, async () => {
  const playground = spawn(process.execPath, [PLAYGROUND])
  const [output, errors, code] = await Promise.all([
    text(playground.stdout),
    text(playground.stderr),
    new Promise((resolve) => playground.once('exit', resolve)),
    // To the shell on alice; then, as Ctrl-D would, the end.
    playground.stdin.end('weft status\nweft ping -c 1 carol\nhostname\n'),
  ])
  assert.equal(code, 0, errors)
  for (const name of ['alice', 'bob', 'carol'])
    assert.match(output, new RegExp(`${name} +100\\.\\S+ +fd\\S+ +on the wire`))
  assert.match(output, /This is alice\./)
  assert.match(output, /^alice# curl .*http:\/\/carol\.weft\/\nhello from carol$/m)
  assert.match(output, /^\(bob loses its power\)$/m)
  assert.match(output, /bob: 0 of 1 answered/)
  assert.match(output, /\(bob is back\)[\s\S]*bob: 2 of 2 answered/)
  assert.match(output, /^alice$/m)
  const left = existsSync('/run/netns') ? readdirSync('/run/netns') : []
  assert.deepEqual(
    left.filter((name) => name.startsWith(`weft-${playground.pid}-`)),
    [],
  )
})

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let whole = ''
  for await (const chunk of stream.setEncoding('utf8')) whole += chunk
  return whole
}
