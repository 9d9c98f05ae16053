import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replaceAddresses } from '../src/addresses-in-text.ts'
import { Redaction } from '../src/redaction.ts'

test('addresses are found in whatever surrounds them, and times and versions are none', () => {
  const table: readonly (readonly [string, string])[] = [
    ['connect ECONNREFUSED 192.0.2.1:7480', 'connect ECONNREFUSED X:7480'],
    ['http://[2001:db8::1]:7480/', 'http://[X]:7480/'],
    ['"fd00::2","100.64.1.2"', '"X","X"'],
    ['::ffff:192.0.2.1 and fe80::1%eth0', 'X and X%eth0'],
    ['2026-11-28T02:10:45.123Z at 12:30:15', '2026-11-28T02:10:45.123Z at 12:30:15'],
    ['v26.10.0, 0.1.0, std::map', 'v26.10.0, 0.1.0, std::map'],
  ]
  for (const [text, expected] of table)
    assert.equal(
      replaceAddresses(text, () => 'X'),
      expected,
    )
})

test('the same name or address becomes the same word, which says only what kind it is', () => {
  const redaction = new Redaction()
  redaction.addName('nas', 'peer')
  redaction.addName('nas-2', 'peer')
  assert.equal(
    redaction.redact('nas 192.168.1.5, nas-2 203.0.113.9, NAS 192.168.1.5, nasal, fd00::1, 127.0.0.1'),
    'peer-1 v4-private-2, peer-2 v4-public-3, peer-1 v4-private-2, nasal, v6-private-1, 127.0.0.1',
  )
})

test('no link and nothing that could be a key remains, whatever its form', () => {
  const key = Buffer.alloc(32, 0x5a)
  for (const secret of [
    `weft://${'a'.repeat(90)}?x=1#y`,
    key.toString('base64'),
    key.toString('base64url'),
    key.toString('hex'),
  ]) {
    const text = new Redaction().redact(`before "${secret}" after`)
    assert.ok(!text.includes(secret.slice(0, 20)), text)
    assert.match(text, /^before .* after$/)
  }
})
