import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { lockFile, StateError } from '../src/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-lock-'))
after(() => rmSync(directory, { recursive: true, force: true }))

describe('a lock', () => {
  it('is held by one, until it is released', () => {
    const path = join(directory, 'one.lock')
    {
      using first = lockFile(path)
      assert.equal(first.path, path)
      assert.throws(() => lockFile(path), isLockedBy(process.pid))
    }
    lockFile(path).release()
  })

  it('names the process that holds it, and ends when that one is killed', async () => {
    const path = join(directory, 'other.lock')
    const holder = spawn(process.execPath, ['--input-type=module', '-e', holderScript], {
      env: { ...process.env, LOCK: path, STATE_MODULE: import.meta.resolve('../src/index.ts') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    assert.throws(() => lockFile(path), isLockedBy(holder.pid))
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    lockFile(path).release()
  })

  it('in a directory that is not there is a clear error', () => {
    assert.throws(
      () => lockFile(join(directory, 'missing', 'x.lock')),
      (error: unknown) =>
        error instanceof StateError && error.code === 'state-failed' && /cannot lock/.test(error.message),
    )
  })
})

const holderScript = `
const { lockFile } = await import(process.env.STATE_MODULE)
lockFile(process.env.LOCK)
console.log('held')
setInterval(() => {}, 1000)`

function isLockedBy(pid: number | undefined) {
  return (error: unknown) =>
    error instanceof StateError && error.code === 'state-locked' && error.message.includes(`process ${pid};`)
}
