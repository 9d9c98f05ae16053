import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTable } from '../src/table.ts'
import { widthOf, wrapTo } from '../src/text-width.ts'

test('columns are as wide as their widest cell, and no line ends in spaces', () => {
  assert.deepEqual(
    formatTable(
      ['A', 'LONG'],
      [
        ['wide', 'x'],
        ['y', ''],
      ],
    ),
    ['A     LONG', 'wide  x', 'y'],
  )
})

test('a right-aligned column ends at one place', () => {
  assert.deepEqual(
    formatTable(
      ['N', 'RX'],
      [
        ['a', '1 B'],
        ['b', '100 B'],
      ],
      { right: new Set(['RX']) },
    ),
    ['N     RX', 'a    1 B', 'b  100 B'],
  )
})

test('a table without rows is its head', () => {
  assert.deepEqual(formatTable(['A', 'B'], []), ['A  B'])
})

test('columns are as wide as a terminal draws them, whatever the letters', () => {
  const rows = [
    ['büro', '1'],
    ['bu\u0308ro', '2'],
    ['书房', '3'],
    ['한국-nas', '4'],
  ]
  const lines = formatTable(['NAME', 'N'], rows)
  assert.deepEqual(lines, ['NAME      N', 'büro      1', 'bu\u0308ro      2', '书房      3', '한국-nas  4'])
  for (const line of lines) assert.equal(widthOf(line), 11)
})

test('what is too wide is cut where it may be, the widest first, and shows it', () => {
  const cut = new Map([['NAME', 'middle']] as const)
  const rows = [['a-very-long-name-of-a-machine-2', '100.64.1.2']]
  assert.deepEqual(formatTable(['NAME', 'ADDRESS'], rows, { cut, width: 26 }), [
    'NAME            ADDRESS',
    'a-very-…hine-2  100.64.1.2',
  ])
  assert.deepEqual(formatTable(['NAME', 'ADDRESS'], [['书房书房书房', '::1']], { cut, width: 14 }), [
    'NAME      ADDRESS',
    '书房…房   ::1',
  ])
})

test('a text that is too long goes on below, indented', () => {
  assert.deepEqual(wrapTo('coordinator  away  (nothing listens there)', 24), [
    'coordinator  away',
    '    (nothing listens',
    '    there)',
  ])
  assert.deepEqual(wrapTo('short', 24), ['short'])
})
