import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IpAddress } from '@weft/base'
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
  assert.equal(seen({ relays: 0, through: [], seenAt: [] }), undefined)
  assert.match(seen({ relays: 1, through: [], seenAt: [] }) ?? '', /No relay elsewhere answers/)
  const through = ['https://relay.example.org']
  const nat = seen({ relays: 1, through, seenAt: ['203.0.113.7' as IpAddress] })
  assert.match(nat ?? '', /behind a NAT.* 203\.0\.113\.7: .* through relay https:\/\/relay\.example\.org/)
  assert.match(seen({ relays: 1, through, seenAt: ['2001:db8::5' as IpAddress] }) ?? '', /directly where no firewall/)
})

test('the announcement holds the command to type, the code, and what this machine is', () => {
  const self = { id: 'i', name: 'desk\u001btop', mesh: 'm', addresses: ['100.64.1.1', 'fd00::1'] }
  const text = announcementLines(announcement({ kind: 'member', self }), 'CODE').join('\n')
  assert.match(text, /sudo \.\/weft up 'weft:\/\/abc'/)
  assert.match(text, /CODE/)
  assert.match(text, /This machine is desk top: 100\.64\.1\.1, fd00::1/)
})

test('the announcement says why this machine is no node', () => {
  const line = (node: Announcement['node']): string => announcementLines(announcement(node), '').join('\n')
  assert.match(line({ kind: 'not-root' }), /takes root/)
  assert.match(line({ kind: 'not-wanted' }), /--no-node/)
  assert.match(line({ kind: 'failed', reason: 'no TUN' }), /not a node of it: no TUN/)
})

function announcement(node: Announcement['node']): Announcement {
  return {
    mesh: '0123456789abcdef',
    reachableAt: ['192.168.1.5:7480'],
    port: 7480,
    outside: { relays: 0, through: [], seenAt: [] },
    created: { id: '1', link: 'weft://abc', expires: '2030-01-01T00:00:00.000Z', reusable: false },
    node,
  }
}
