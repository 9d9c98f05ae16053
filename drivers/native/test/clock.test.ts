import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bootMilliseconds } from '../src/index.ts'

test('the clock counts from the start of the machine and never goes back', () => {
  const first = bootMilliseconds()
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  const second = bootMilliseconds()
  assert.ok(first >= 0 && second >= first)
  assert.ok(Math.abs(first - uptime) < 1000, `${first} and ${uptime}`)
})
