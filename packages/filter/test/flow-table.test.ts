import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instant } from '@weft/base'
import { seededRandom } from '@weft/testing'
import fc from 'fast-check'
import { type FlowKey, KEY_WORDS } from '../src/flow-key.ts'
import { FlowTable, GIVEN_UP, NO_RULE } from '../src/flow-table.ts'

test('it finds what a map would find, whatever comes and goes', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('insert' as const), key: fc.nat(600), life: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ kind: fc.constant('remove' as const), key: fc.nat(600) }),
    fc.record({ kind: fc.constant('pass' as const), time: fc.nat(10) }),
    fc.record({ kind: fc.constant('rejudge' as const), divisor: fc.integer({ min: 2, max: 5 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const table = new FlowTable(4096)
      const map = new Map<number, number>()
      let now = 1
      for (const each of steps) {
        if (each.kind === 'pass') now += each.time
        else if (each.kind === 'rejudge') {
          table.rejudge((keys, at) => ((keys[at] ?? 0) % each.divisor === 0 ? GIVEN_UP : NO_RULE))
          for (const key of map.keys()) if (key % each.divisor === 0) map.delete(key)
        } else act(table, map, each, now)
      }
      for (let key = 0; key <= 600; key++) {
        assert.equal(table.find(keyOf(key), now as Instant) >= 0, (map.get(key) ?? 0) > now, `key ${key}`)
      }
    }),
    { numRuns: 60 },
  )
})

test('it never holds more flows than it may, and keeps those that live longest', () => {
  const table = new FlowTable(1000)
  const now = 1 as Instant
  for (let key = 0; key < 500; key++) table.insert(keyOf(key), { rule: NO_RULE, state: 0, deadline: 100_000 }, now)
  for (let key = 500; key < 50_000; key++) {
    table.insert(keyOf(key), { rule: NO_RULE, state: 0, deadline: 100 + key / 1000 }, now)
    assert.ok(table.size <= 1000)
  }
  let kept = 0
  for (let key = 0; key < 500; key++) if (table.find(keyOf(key), now) >= 0) kept++
  assert.ok(kept > 450, `${kept} of 500 long-lived flows kept`)
})

test('a new flow is always found at once, however full the table is', () => {
  const table = new FlowTable(64)
  const random = seededRandom(1)
  const key: FlowKey = new Uint32Array(KEY_WORDS)
  for (let i = 0; i < 5000; i++) {
    random.fill(new Uint8Array(key.buffer))
    table.insert(key, { rule: i, state: 0, deadline: 10 }, 1 as Instant)
    assert.ok(table.find(key, 1 as Instant) >= 0)
  }
})

test('ended flows make room without the table growing', () => {
  const table = new FlowTable(100_000)
  for (let now = 1; now < 20_000; now++) {
    table.insert(keyOf(now), { rule: NO_RULE, state: 0, deadline: now + 50 }, now as Instant)
    assert.ok(table.size <= 256)
  }
})

function act(
  table: FlowTable,
  map: Map<number, number>,
  step: { readonly kind: 'insert'; readonly key: number; readonly life: number } | { kind: 'remove'; key: number },
  now: number,
): void {
  const slot = table.find(keyOf(step.key), now as Instant)
  assert.equal(slot >= 0, (map.get(step.key) ?? 0) > now)
  if (step.kind === 'remove') {
    if (slot >= 0) table.remove(slot)
    map.delete(step.key)
  } else {
    if (slot >= 0) table.setDeadline(slot, (now + step.life) as Instant)
    else table.insert(keyOf(step.key), { rule: NO_RULE, state: 0, deadline: now + step.life }, now as Instant)
    map.set(step.key, now + step.life)
  }
}

function keyOf(number: number): FlowKey {
  const key: FlowKey = new Uint32Array(KEY_WORDS)
  key[0] = number
  key[9] = 17
  return key
}
