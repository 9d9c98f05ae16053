import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missing } from '@weft/testing/requirements'
import { addToStateLog, readStateLog, StateError, writeFileAtomic } from '../src/index.ts'

/** Takes a value that has so many fields, and this one of this type. */
const schemaOf = (field: string, type: string, fields: number) => ({
  parse(value: unknown): unknown {
    const entries = Object.entries(value ?? {})
    const isOne = entries.length === fields && entries.some(([name, held]) => name === field && typeof held === type)
    if (!isOne) throw new TypeError(`no ${field}`)
    return value
  },
})
const whole = schemaOf('text', 'string', 2)
const added = schemaOf('number', 'number', 1)

/** A log with three lines added. */
class Log implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weft-log-'))
  readonly path = join(this.#directory, 'log.json')

  constructor() {
    writeFileAtomic(this.path, '{"version":1,"text":"ü"}\n')
    for (const number of [1, 2, 3]) addToStateLog(this.path, { number }, { isDurable: number === 2 })
  }

  read() {
    return readStateLog(this.path, whole, added)
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true })
  }
}

test('what was added comes after the whole, in order', () => {
  using log = new Log()
  assert.deepEqual(log.read(), {
    whole: { version: 1, text: 'ü' },
    added: [{ number: 1 }, { number: 2 }, { number: 3 }],
  })
})

test('a log that is cut off at any byte holds what stands before the cut', () => {
  using log = new Log()
  const bytes = readFileSync(log.path)
  const first = bytes.indexOf('\n')
  for (let length = first; length <= bytes.length; length++) {
    writeFileSync(log.path, bytes.subarray(0, length))
    const lines = bytes.subarray(0, length).toString().split('\n').length - 1
    assert.equal(log.read()?.added.length, Math.max(0, lines - 1), `${length} bytes`)
  }
})

test('a whole that is cut off is corrupt, and kept aside', () => {
  using log = new Log()
  writeFileSync(log.path, '{"version":1,"te')
  assert.throws(() => log.read(), { code: 'state-corrupt' })
  assert.equal(readFileSync(`${log.path}.corrupt-1`, 'utf8'), '{"version":1,"te')
  assert.equal(log.read(), undefined)
})

test('a line that is none of the log ends it', () => {
  using log = new Log()
  for (const line of ['nonsense', '{"number":"4"}', '{"number":4,"more":1}', '']) {
    const before = readFileSync(log.path, 'utf8')
    writeFileSync(log.path, `${before}${line}\n{"number":5}\n`)
    assert.equal(log.read()?.added.length, 3, line)
    writeFileSync(log.path, before)
  }
})

test('a log of a newer weft is left as it is', () => {
  using log = new Log()
  writeFileSync(log.path, '{"version":2}\nwhatever\n')
  assert.throws(() => log.read(), { code: 'state-newer' })
})

test('nothing is added to a log that is not there', () => {
  using log = new Log()
  assert.throws(() => addToStateLog(`${log.path}.other`, {}, { isDurable: false }), StateError)
})

test('a log on a full disk is as it was', { skip: missing('root', 'mount', 'unshare') }, () => {
  using log = new Log()
  const onFullDisk = `
    set -e
    mount -t tmpfs -o size=64k none /mnt
    cp ${log.path} /mnt/log.json
    dd if=/dev/zero of=/mnt/rest bs=1k 2>/dev/null || true
    ${process.execPath} --input-type=module -e '
      import { addToStateLog } from "${import.meta.resolve('../src/index.ts')}"
      try { addToStateLog("/mnt/log.json", { text: "x".repeat(10000) }, { isDurable: false }) }
      catch (error) { console.error(error.message) }'
    cat /mnt/log.json`
  const { stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', onFullDisk], { encoding: 'utf8' })
  assert.equal(stderr, 'cannot add to /mnt/log.json: the disk is full; make room and try again\n')
  assert.equal(stdout, readFileSync(log.path, 'utf8'))
})
