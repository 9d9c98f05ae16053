import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRecordType } from '../../src/arguments.ts'
import { nameLines, recordText } from '../../src/verbs/names-list.ts'

test('the records are a table of whole names', () => {
  const records = [
    { name: 'git', type: 'A', value: '192.0.2.1' } as const,
    { name: '_acme.www', type: 'TXT', value: 'a\u001btext' } as const,
  ]
  assert.deepEqual(nameLines({ domain: 'weft', records }), [
    'NAME            TYPE  VALUE',
    'git.weft        A     192.0.2.1',
    '_acme.www.weft  TXT   a text',
  ])
})

test('a record is told by the whole name, which can be typed as it stands', () => {
  assert.equal(recordText({ name: 'git', type: 'A', value: '192.0.2.1' }, 'weft'), 'git.weft  A  192.0.2.1')
  const alias = { name: 'www.xn--bro-hoa', type: 'CNAME', value: 'xn--d1aqf.weft' } as const
  assert.equal(recordText(alias, 'weft'), 'www.büro.weft  CNAME  дом.weft')
})

test('a long text is cut where the terminal ends', () => {
  const records = [{ name: 'git', type: 'TXT', value: 'v=spf1 '.repeat(30) } as const]
  const [, row] = nameLines({ domain: 'weft', records }, 60)
  assert.equal(row?.length, 60)
  assert.match(row ?? '', /^git\.weft {2}TXT {3}v=spf1 .*…$/)
})

test('without records it is said how one is added', () => {
  assert.match(nameLines({ domain: 'weft', records: [] })[0] ?? '', /weft names add git\.weft A ADDRESS/)
})

test('a type is known in letters of either case, and others are not', () => {
  assert.equal(parseRecordType('aaaa'), 'AAAA')
  assert.throws(() => parseRecordType('MX'), /A, AAAA, CNAME, TXT/)
})
