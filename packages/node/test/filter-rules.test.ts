import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IpAddress } from '@weft/base'
import type { Grant, NetmapPeer } from '@weft/coordinator-protocol'
import type { AccountId } from '@weft/keys'
import type { PeerIndex } from '@weft/wireguard'
import { areSameRules, filterRules } from '../src/filter-rules.ts'
import { Peer } from '../src/peer.ts'
import type { VerifiedIdentity } from '../src/peer-verification.ts'

const ann = 'a' as AccountId
const ben = 'b' as AccountId
const own = ['100.80.0.1', 'fd00::1'] as IpAddress[]
const peers = [peerOf(ann, 2), peerOf(ben, 3), peerOf(ann, 4)]

test('a grant means all addresses of all peers of its account, towards the own addresses', () => {
  assert.deepEqual(filterRules([grant(ann)], peers, own), [
    {
      reason: 'because',
      sources: ['100.80.0.2/32', 'fd00::2/128', '100.80.0.4/32', 'fd00::4/128'],
      destinations: ['100.80.0.1/32', 'fd00::1/128'],
      protocol: 'any',
    },
  ])
})

test('protocol and ports are those of the grant', () => {
  const [rule] = filterRules([{ ...grant(ben), protocol: 'tcp', ports: { first: 22, last: 22 } }], peers, own)
  assert.equal(rule?.protocol, 'tcp')
  assert.deepEqual(rule?.ports, { first: 22, last: 22 })
})

test('a grant to an account without a device is no rule at all, and never one for everybody', () => {
  assert.deepEqual(filterRules([grant('c' as AccountId)], peers, own), [])
  assert.deepEqual(filterRules([], peers, own), [])
})

test('rules are the same as long as nobody comes, leaves or may do something else', () => {
  const rules = filterRules([grant(ann)], peers, own)
  assert.ok(areSameRules(filterRules([grant(ann)], [peerOf(ann, 2), peerOf(ann, 4)], own), rules))
  for (const others of [
    filterRules([grant(ann)], peers.slice(1), own),
    filterRules([grant(ann)], [peerOf(ann, 5), peerOf(ann, 4)], own),
    filterRules([grant(ann)], peers, own.slice(1)),
    filterRules([{ ...grant(ann), protocol: 'udp' }], peers, own),
    filterRules([{ ...grant(ann), reason: 'another' }], peers, own),
    filterRules([grant(ann), grant(ben)], peers, own),
    [],
  ]) {
    assert.ok(!areSameRules(others, rules))
    assert.ok(!areSameRules(rules, others))
  }
})

test('a peer that becomes another address has other prefixes', () => {
  const peer = peerOf(ann, 2)
  assert.deepEqual(peer.prefixes, ['100.80.0.2/32', 'fd00::2/128'])
  peer.become({ ...peer.claim, address4: '100.80.0.9' as IpAddress }, peer.identity)
  assert.deepEqual(peer.prefixes, ['100.80.0.9/32', 'fd00::2/128'])
})

function grant(account: AccountId): Grant {
  return { reason: 'because', account, protocol: 'any' }
}

function peerOf(account: AccountId, number: number): Peer {
  const identity = { account, address6: `fd00::${number}` } as unknown as VerifiedIdentity
  return new Peer(number as PeerIndex, identity, { address4: `100.80.0.${number}` } as unknown as NetmapPeer)
}
