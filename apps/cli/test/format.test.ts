import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAge, formatBytes, formatRoundTrip } from '../src/format.ts'

test('bytes have three digits at most', () => {
  const table: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [10_240, '10 KiB'],
    [1023 * 1024, '1.0 MiB'],
    [2 ** 30, '1.0 GiB'],
    [2 ** 53, '8.0 PiB'],
  ]
  for (const [count, text] of table) assert.equal(formatBytes(count), text)
})

test('a round trip has the digits that mean something', () => {
  assert.deepEqual([undefined, 0.123, 9.999, 12.34, 250.6].map(formatRoundTrip), [
    '-',
    '0.12 ms',
    '10.00 ms',
    '12.3 ms',
    '251 ms',
  ])
})

test('an age is told in the unit that fits', () => {
  const now = 1_000_000_000
  const ago = (seconds: number): string => formatAge(now - seconds * 1000, now)
  assert.deepEqual([0, 5, 119, 120, 7199, 7200, 172_800].map(ago), [
    'just now',
    '5 s ago',
    '119 s ago',
    '2 min ago',
    '120 min ago',
    '2 h ago',
    '2 d ago',
  ])
  assert.equal(ago(-86_400), 'in 24 h')
})
