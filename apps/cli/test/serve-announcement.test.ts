import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointOf, type IpAddress } from '@weft/base'
import type { KnockResult } from '@weft/coordinator'
import type { NodeId } from '@weft/keys'
import { outsideNote, reachabilityNote } from '../src/reachability.ts'
import { type Announcement, announcementLines } from '../src/serve-announcement.ts'

test('a coordinator with private addresses only says that only this network reaches it', () => {
  for (const at of [['192.168.1.5:7480'], ['http://10.0.0.1:7480', '[fd00::1]:7480'], ['http://[fe80::1]:7480']]) {
    assert.match(reachabilityNote(at, 7480) ?? '', /Only this network reaches it, unless .* TCP port 7480/)
  }
})

test('a coordinator on loopback says that only this machine reaches it', () => {
  assert.match(reachabilityNote(['127.0.0.1:7480'], 7480) ?? '', /Only this machine/)
  assert.match(reachabilityNote(['http://[::1]:7480'], 7480) ?? '', /Only this machine/)
})

test('a public address or a name needs no such note', () => {
  assert.equal(reachabilityNote(['https://mesh.example.org', '192.168.1.5:7480'], 7480), undefined)
  assert.equal(reachabilityNote(['203.0.113.9:7480'], 7480), undefined)
  assert.equal(reachabilityNote(['[2001:db8::1]:7480'], 7480), undefined)
})

test('what relays elsewhere show of a coordinator is one line', () => {
  const seen = (outside: Announcement['outside']) =>
    outsideNote(outside, ['192.168.1.5:7480', 'http://[2001:db8::5]:7480'])
  assert.equal(seen({ relays: 0, through: [], seenAt: [], knocks: [] }), undefined)
  assert.match(seen({ relays: 1, through: [], seenAt: [], knocks: [] }) ?? '', /No relay elsewhere answers/)
  const through = ['https://relay.example.org']
  const line = (address: string, ...outcomes: readonly KnockResult['outcome'][]) =>
    seen({
      relays: 1,
      through,
      seenAt: [address as IpAddress],
      knocks: outcomes.map((outcome, i) => ({
        relay: `a${i}bcdef0123` as NodeId,
        at: endpointOf(address as IpAddress, 7480),
        outcome,
      })),
    })
  assert.equal(
    line('2001:db8::5', 'answered'),
    'Reached from outside: yes, at [2001:db8::5]:7480 (tested by relay a0bcdef0).',
  )
  assert.match(
    line('203.0.113.7', 'silent', 'answered') ?? '',
    /yes, at 203\.0\.113\.7:7480 \(tested by relay a1bcdef0\); --public-url http:\/\/203\.0\.113\.7:7480 /,
  )
  assert.equal(
    line('203.0.113.7', 'refused'),
    'Reached from outside: no, nothing listens at 203.0.113.7:7480 (tested by relay a0bcdef0), behind a NAT or firewall; devices elsewhere come through relay https://relay.example.org.',
  )
  assert.match(line('2001:db8::5', 'silent') ?? '', /no, nothing answers at .* behind a firewall;/)
  assert.match(line('203.0.113.7', 'other') ?? '', /no, something else answers at /)
  assert.match(
    line('203.0.113.7', 'older-relay') ?? '',
    /not tested, for relay a0bcdef0 is of an older version; a NAT shows it as 203\.0\.113\.7; .* through relay https:/,
  )
  for (const outcome of ['not-outside', 'too-often', 'untold', 'https'] as const)
    assert.match(
      line('2001:db8::5', outcome) ?? '',
      /^Reached from outside: not tested, for relay a0bcdef0 (?!undefined)/,
    )
})

test('the announcement holds the command to type, the code, and what this machine is', () => {
  const self = { id: 'i', name: 'desk\u001btop', mesh: 'm', addresses: ['100.64.1.1', 'fd00::1'] }
  const text = announcementLines(announcement({ kind: 'member', self }), 'CODE').join('\n')
  assert.match(text, /sudo \.\/weft up 'weft:\/\/abc'/)
  assert.ok(
    text.indexOf('CODE') < text.indexOf('weft://abc'),
    'where the code fills a terminal, the link is still seen',
  )
  assert.match(text, /This machine is desk top: 100\.64\.1\.1, fd00::1/)
})

test('the announcement says why this machine is no node', () => {
  const line = (node: Announcement['node']): string => announcementLines(announcement(node), '').join('\n')
  assert.match(line({ kind: 'not-root' }), /takes root/)
  assert.match(line({ kind: 'not-wanted' }), /--no-node/)
  assert.match(line({ kind: 'failed', reason: 'no TUN' }), /not a node of it: no TUN/)
})

test('whether a public address is reached is not known without a relay elsewhere, and is said', () => {
  const said = (reachableAt: readonly string[]) =>
    announcementLines({ ...announcement({ kind: 'not-wanted' }), reachableAt }, '').join('\n')
  assert.match(
    said(['203.0.113.9:7480']),
    /\nReached from outside: not tested, for the mesh has no relay elsewhere\.\n/,
  )
  assert.doesNotMatch(said(['192.168.1.5:7480']), /not tested/)
})

function announcement(node: Announcement['node']): Announcement {
  return {
    mesh: '0123456789abcdef',
    reachableAt: ['192.168.1.5:7480'],
    port: 7480,
    outside: { relays: 0, through: [], seenAt: [], knocks: [] },
    created: { id: '1', link: 'weft://abc', expires: '2030-01-01T00:00:00.000Z', reusable: false },
    node,
  }
}
