import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { encodeRootFile, type RootKeys, readRootFile } from '../src/index.ts'
import { accountNumber, crypto, keyOf, mesh, refused, root, tolerant } from './fixture.ts'

const keys: RootKeys = { root, accounts: [accountNumber(1), { ...accountNumber(2), name: 'Bücher & Söhne' }] }
const text = encodeRootFile(keys, crypto)

/** With a checksum that holds, whatever the content. */
function sealed(content: string): string {
  const sum = crypto.sha256(new TextEncoder().encode(content)).subarray(0, 4).toHex()
  return `${content}sum ${sum}\n`
}

const changed = (from: string | RegExp, to: string): string =>
  sealed(text.slice(0, text.lastIndexOf('sum ')).replace(from, to))

test('a root file says what was put into it, and of which mesh it is', () => {
  const read = readRootFile(text, crypto)
  assert.equal(read.mesh, mesh)
  assert.ok(read.root.equals(root))
  assert.deepEqual(
    read.accounts.map(({ name, certificate }) => [name, certificate]),
    keys.accounts.map(({ name, certificate }) => [name, certificate]),
  )
  assert.ok(read.accounts.every(({ key }, i) => keys.accounts[i]?.key.equals(key)))
  assert.equal(encodeRootFile(read, crypto), text)
})

test('the format of root files is as it was', () => {
  assert.equal(crypto.sha256(new TextEncoder().encode(text)).toHex(), DIGEST)
  assert.match(
    text,
    /^weft root file 1\nmesh [0-9a-f]{32}\nroot [\w+/]{43}=\naccount .*\naccount .* Bücher & Söhne\nsum [0-9a-f]{8}\n$/,
  )
})

test('a root file that was changed or cut off anywhere is refused', () => {
  for (let length = 0; length < text.length; length++)
    assert.equal(
      tolerant(() => readRootFile(text.slice(0, length), crypto)),
      undefined,
      `${length} characters`,
    )
  for (let i = 0; i < text.length; i++) {
    const other = text[i] === 'A' ? 'B' : 'A'
    assert.equal(
      tolerant(() => readRootFile(text.slice(0, i) + other + text.slice(i + 1), crypto)),
      undefined,
      `at ${i}`,
    )
  }
  assert.throws(() => readRootFile(`${text}\n`, crypto), refused('root-file-damaged'))
  assert.throws(() => readRootFile(text.replaceAll('\n', '\r\n'), crypto), refused('root-file-malformed'))
})

test('a root file whose parts do not belong together is refused, whatever its checksum', () => {
  const other = encodeRootFile({ root: keyOf('root', 2), accounts: [accountNumber(1, keyOf('root', 2))] }, crypto)
  const lineOf = (from: string, start: string) => from.split('\n').find((line) => line.startsWith(start)) ?? ''
  for (const [what, file] of [
    ['another root key', changed(lineOf(text, 'root'), lineOf(other, 'root'))],
    ['the account of another root', changed(lineOf(text, 'account'), lineOf(other, 'account'))],
    ['the key of another account', changed(/(account )\S+/, `$1${keyOf('account', 3).expose().toBase64()}`)],
    ['one account twice', changed(/(account .*1\n)/, '$1$1')],
    ['two accounts of one name', changed('Bücher & Söhne', 'account 1')],
    ['no account', changed(/account .*\n/g, '')],
    ['a line more', changed('\nroot ', '\nmore \nroot ')],
    ['a short key', changed(/\nroot \S+/, '\nroot AAAA')],
    ['a space behind the last name', changed(/\n$/, ' \n')],
    ['a name of control characters', changed('Bücher', '\u001b[31m')],
  ] as const)
    assert.throws(() => readRootFile(file, crypto), refused('root-file-damaged', 'certificate-forged'), what)
})

test('what is no root file, or is of a newer weft, is told so', () => {
  for (const no of ['', 'weft://AAAA', '{}', 'weft root file one\n', text.repeat(2_000)])
    assert.throws(() => readRootFile(no, crypto), refused('root-file-malformed', 'root-file-damaged'))
  for (const format of ['0', '00', '01'])
    assert.throws(() => readRootFile(changed('file 1', `file ${format}`), crypto), refused('root-file-malformed'))
  assert.throws(() => readRootFile(text.replace('file 1', 'file 2'), crypto), refused('root-file-newer'))
})

test('the keys of a root file print as redacted, and no error repeats them', () => {
  const secret = root.expose().toBase64()
  assert.ok(!inspect(readRootFile(text, crypto), { depth: 9 }).includes(secret) && text.includes(secret))
  assert.ok(!JSON.stringify(readRootFile(text, crypto)).includes(secret))
  assert.throws(
    () => readRootFile(changed('mesh 0', 'mesh 1').replace('mesh', 'mash'), crypto),
    (error) => error instanceof Error && !error.message.includes(secret),
  )
})

const DIGEST = 'd290b51914bbba4530e06056a2bdf273ac84a7f3e18abbe4a67c9e08ec408789'
