import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import { parseExpiry } from '../src/arguments.ts'

test('a number with a unit is that many seconds', () => {
  const table: readonly (readonly [string, number])[] = [
    ['1s', 1],
    ['90m', 5400],
    ['24h', 86_400],
    ['7d', 604_800],
    ['2w', 1_209_600],
    ['3650d', 315_360_000],
  ]
  for (const [text, seconds] of table) assert.equal(parseExpiry(text), seconds)
})

test('anything else is refused', () => {
  for (const text of [
    '',
    '24',
    'h',
    '0h',
    '-1h',
    '1.5h',
    '24 h',
    '24H',
    '1h30m',
    '3651d',
    '999999999w',
    'constructor',
  ]) {
    assert.throws(() => parseExpiry(text), InvalidArgumentError, text)
  }
})
