import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRecordType } from '../../src/arguments.ts'
import { nameLines } from '../../src/verbs/names-list.ts'

test('the records are a table of whole names', () => {
  const records = [
    { name: 'git', type: 'A', value: '192.0.2.1' },
    { name: '_acme.www', type: 'TXT', value: 'a\u001btext' },
  ]
  assert.deepEqual(nameLines({ domain: 'weft', records }), [
    'NAME            TYPE  VALUE',
    'git.weft        A     192.0.2.1',
    '_acme.www.weft  TXT   a text',
  ])
})

test('without records it is said how one is added', () => {
  assert.match(nameLines({ domain: 'weft', records: [] })[0] ?? '', /weft names add git\.weft A ADDRESS/)
})

test('a type is known in letters of either case, and others are not', () => {
  assert.equal(parseRecordType('aaaa'), 'AAAA')
  assert.throws(() => parseRecordType('MX'), /A, AAAA, CNAME, TXT/)
})
