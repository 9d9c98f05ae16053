import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { missing } from '@weft/testing/requirements'

const launcher = join(import.meta.dirname, '../../weft')
const NOBODY = 65_534
const directory = mkdtempSync(join(tmpdir(), 'weft-launcher-'))
after(() => rmSync(directory, { recursive: true }))

test('weft runs from anywhere through a symlink, also through two', () => {
  const [first, second] = [join(directory, 'first'), join(directory, 'second')]
  symlinkSync(launcher, first)
  symlinkSync('first', second)
  for (const path of [launcher, first, second]) isVersion(path, { cwd: '/' })
})

test('weft runs in an empty environment', () => {
  isVersion(launcher, { env: {} })
})

test('weft runs on the Node.js of the lockfile, whatever PATH finds', () => {
  const wrong = join(directory, 'node')
  writeFileSync(wrong, '#!/bin/sh\necho the wrong Node.js\n', { mode: 0o755 })
  isVersion(launcher, { env: { PATH: `${directory}:/usr/bin:/bin` } })
})

test('weft runs for another user', { skip: missing('root', 'a checkout that others may enter') }, () => {
  isVersion(launcher, { uid: NOBODY, gid: NOBODY, cwd: '/', env: {} })
})

function isVersion(path: string, options: object): void {
  const { stdout, stderr, status } = spawnSync(path, ['--version'], { encoding: 'utf8', ...options })
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^weft \d+\.\d+\.\d+\n$/)
}
