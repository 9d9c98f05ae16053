import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pingLine, summarise, summaryLine } from '../../src/verbs/ping.ts'

const path = { kind: 'direct', endpoint: '192.0.2.7:7481' } as const

test('a line has address, sequence, round trip and path, or says that none came', () => {
  const answer = { sequence: 3, address: '100.64.1.2', path }
  assert.equal(pingLine('nas', { ...answer, rttMs: 1.25 }), 'nas (100.64.1.2): 3: 1.25 ms, direct 192.0.2.7:7481')
  assert.equal(pingLine('nas', answer), 'nas (100.64.1.2): 3: no answer')
})

test('the summary counts what was lost', () => {
  const summary = summarise([1, undefined, 3, 2])
  assert.deepEqual(summary, { sent: 4, received: 3, minMs: 1, averageMs: 2, maxMs: 3 })
  assert.match(
    summaryLine('nas', summary),
    /^nas: 3 of 4 answered, 25 % lost; least 1\.00 ms, average 2\.00 ms, most 3\.00 ms$/,
  )
  assert.equal(summaryLine('nas', summarise([undefined])), 'nas: 0 of 1 answered, 100 % lost')
  assert.equal(summaryLine('nas', summarise([])), 'nas: 0 of 0 answered, 0 % lost')
})
