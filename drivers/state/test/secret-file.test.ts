import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eraseSecret, replaceSecret, StateError, writeNewSecret } from '../src/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-secret-'))
after(() => rmSync(directory, { recursive: true }))
let files = 0
const fresh = (): string => join(directory, `secret-${files++}`)

const code = (wanted: string) => (error: unknown) => error instanceof StateError && error.code === wanted

test('a new secret is for its owner only, and never in the place of another', () => {
  const path = fresh()
  writeNewSecret(path, 'first')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.throws(() => writeNewSecret(path, 'second'), code('state-present'))
  assert.equal(readFileSync(path, 'utf8'), 'first')
  assert.throws(() => writeNewSecret(join(directory, 'nowhere', 'x'), 'y'), code('state-failed'))
})

test('what is replaced or erased is overwritten where it lay', () => {
  for (const remove of [(path: string) => replaceSecret(path, 'new'), eraseSecret]) {
    const path = fresh()
    writeNewSecret(path, 'the secret')
    // Another name, and an open file, for the same content.
    linkSync(path, `${path}.same`)
    const open = openSync(path, 'r')
    remove(path)
    const found = Buffer.alloc(10)
    readSync(open, found, 0, 10, 0)
    closeSync(open)
    assert.deepEqual(found, Buffer.alloc(10))
    assert.deepEqual(readFileSync(`${path}.same`), Buffer.alloc(10))
    assert.equal(existsSync(path) ? readFileSync(path, 'utf8') : 'gone', remove === eraseSecret ? 'gone' : 'new')
  }
})

test('erasing what is not there is done already', () => {
  eraseSecret(fresh())
})
