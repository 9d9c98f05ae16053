import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { ensureDirectory, readStateFile, StateError, writeFileAtomic } from '../src/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-state-'))
after(() => rmSync(directory, { recursive: true, force: true }))

describe('a file written atomically', () => {
  it('holds what was written, for its owner only', () => {
    const path = join(directory, 'keys.json')
    chmodSync(directory, 0o700)
    writeFileAtomic(path, '{"version":1}')
    writeFileAtomic(path, Uint8Array.of(1, 2, 3))
    assert.deepEqual([...readFileSync(path)], [1, 2, 3])
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('leaves nothing of itself behind when it cannot be put in place', () => {
    const path = join(directory, 'taken')
    mkdirSync(join(path, 'inner'), { recursive: true })
    assert.throws(() => writeFileAtomic(path, 'new'), stateError('state-failed', /cannot write .*taken/))
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.endsWith('.tmp')),
      [],
    )
  })

  it('is wholly one of the written ones, though the writer is killed at any time', async () => {
    const path = join(directory, 'whole')
    const writer = spawn(process.execPath, ['--input-type=module', '-e', endlessWriter], {
      env: { ...process.env, TARGET: path, STATE_MODULE: import.meta.resolve('../src/index.ts') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(writer.stdout, 'data')
    for (let round = 0; round < 50; round++) assertWhole(readFileSync(path, 'utf8'))
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    assertWhole(readFileSync(path, 'utf8'))
  })
})

describe('a state file', () => {
  it('that does not exist is not there', () => {
    assert.equal(readStateFile(join(directory, 'missing.json'), anything), undefined)
  })

  it('comes as the schema makes it', () => {
    const path = join(directory, 'good.json')
    writeFileAtomic(path, '{"version":1,"port":7481}')
    assert.equal(readStateFile(path, portSchema), 7481)
  })

  for (const [name, content] of [
    ['cut off', '{"version":1,"po'],
    ['empty', ''],
    ['of another program', '{"version":1,"dport":1}'],
    ['binary', Uint8Array.of(0, 255, 254, 1)],
  ] as const) {
    it(`that is ${name} is kept aside, and named`, () => {
      const path = join(directory, `${name}.json`)
      writeFileSync(path, content)
      assert.throws(
        () => readStateFile(path, portSchema),
        stateError('state-corrupt', new RegExp(`${name}.json.corrupt-1`)),
      )
      assert.deepEqual(readFileSync(`${path}.corrupt-1`), Buffer.from(content))
      assert.equal(readStateFile(path, portSchema), undefined)
    })
  }

  it('that is corrupt overwrites no earlier corrupt one', () => {
    const path = join(directory, 'again.json')
    for (const number of [1, 2, 3]) {
      writeFileSync(path, `junk ${number}`)
      assert.throws(() => readStateFile(path, portSchema), stateError('state-corrupt', new RegExp(`corrupt-${number}`)))
    }
    assert.equal(readFileSync(`${path}.corrupt-1`, 'utf8'), 'junk 1')
    assert.equal(readFileSync(`${path}.corrupt-2`, 'utf8'), 'junk 2')
  })

  it('of a newer weft stays as it is', () => {
    const path = join(directory, 'newer.json')
    const content = '{"version":2,"something":"else"}'
    writeFileSync(path, content)
    assert.throws(() => readStateFile(path, portSchema), stateError('state-newer', /version 2.*up to 1/))
    assert.equal(readFileSync(path, 'utf8'), content)
    assert.equal(readStateFile(path, anything, 2) !== undefined, true)
  })
})

describe('a state directory', () => {
  it('is made for its owner only, with those above it', () => {
    const path = join(directory, 'a', 'b')
    ensureDirectory(path)
    assert.equal(statSync(path).mode & 0o777, 0o700)
    assert.equal(statSync(join(directory, 'a')).mode & 0o777, 0o700)
    ensureDirectory(path)
  })

  it('that cannot be made is an error at once', () => {
    assert.throws(
      () => ensureDirectory('/proc/weft/state'),
      stateError('state-failed', /nothing can be made in \/proc/),
    )
  })

  it('cannot be made where a file is', () => {
    const path = join(directory, 'file')
    writeFileSync(path, '')
    assert.throws(() => ensureDirectory(path), stateError('state-failed', /is a file and no directory/))
    assert.throws(() => ensureDirectory(join(path, 'below')), stateError('state-failed', /cannot make the directory/))
  })
})

const anything = { parse: (value: unknown) => value }
const portSchema = {
  parse(value: unknown): number {
    if (typeof value === 'object' && value !== null && 'port' in value && typeof value.port === 'number')
      return value.port
    throw new Error('no port')
  },
}

const endlessWriter = `
const { writeFileAtomic } = await import(process.env.STATE_MODULE)
for (let round = 0; ; round++) {
  writeFileAtomic(process.env.TARGET, String(round % 10).repeat(300_000))
  if (round === 0) console.log('first')
}`

function assertWhole(content: string): void {
  assert.equal(content.length, 300_000)
  assert.equal(content, (content[0] ?? '').repeat(300_000))
}

function stateError(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof StateError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}
