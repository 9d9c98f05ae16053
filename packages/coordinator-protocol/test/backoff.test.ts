import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Random } from '@weft/base'
import { Backoff } from '../src/backoff.ts'

const constant = (byte: number): Random => ({ fill: (bytes) => void bytes.fill(byte) })

test('the delay doubles from a second to a minute, and of that at least a half is waited', () => {
  const shortest = new Backoff(constant(0))
  const longest = new Backoff(constant(0xff))
  for (const whole of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
    assert.equal(shortest.next(), (whole * 1000) / 2)
    assert.ok(Math.abs(longest.next() - whole * 1000) < 0.001)
  }
})

test('the delay stays a minute however long it goes on', () => {
  const backoff = new Backoff(constant(0))
  for (let i = 0; i < 5000; i++) backoff.next()
  assert.equal(backoff.next(), 30_000)
})

test('after a success the delay begins anew', () => {
  const backoff = new Backoff(constant(0))
  for (let i = 0; i < 5; i++) backoff.next()
  backoff.reset()
  assert.equal(backoff.next(), 500)
})
