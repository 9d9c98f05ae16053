import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { ListedRelay } from '../../src/agent-answers.ts'
import { relayTable } from '../../src/verbs/relay.ts'

const relay: ListedRelay = {
  id: 'abcdef0123456789',
  places: ['https://relay.example', 'https://another-way-to-the-same-relay.example:7480'],
  stunPort: 3478,
  state: 'away',
  reason: 'nothing listens there; look whether weft serve runs',
}

test('relays have lines no longer than the terminal is wide, and tell all where nobody looks', () => {
  for (const width of [120, 80, 60]) {
    const lines = relayTable([relay], width).map(stripVTControlCharacters)
    for (const line of lines) assert.ok(line.length <= width, `${width}: ${line}`)
    assert.match(lines[1] ?? '', /^abcdef01 {2}away\S* .*3478 {2}https:/)
  }
  assert.match(
    relayTable([relay]).join('\n'),
    /weft serve runs .* https:\/\/another-way-to-the-same-relay\.example:7480$/,
  )
})
