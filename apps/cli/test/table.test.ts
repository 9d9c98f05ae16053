import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTable } from '../src/table.ts'

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
      new Set(['RX']),
    ),
    ['N     RX', 'a    1 B', 'b  100 B'],
  )
})

test('a table without rows is its head', () => {
  assert.deepEqual(formatTable(['A', 'B'], []), ['A  B'])
})
