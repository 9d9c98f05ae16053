import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBase64, type WallTime, wallTime } from '@weft/base'
import type { NetmapPeer } from '@weft/coordinator-protocol'
import { nativeCrypto as crypto } from '@weft/crypto'
import { createRecord, generateNodeKeys, nodeAddress6 } from '@weft/identity'
import { KnownPeers } from '../src/known-peers.ts'
import { type Verification, verifyPeer } from '../src/peer-verification.ts'
import { START, seededRandom, TestMesh } from './test-mesh.ts'

const mesh = new TestMesh()
const alice = mesh.addDevice('alice', 'ann')
const bob = mesh.addDevice('bob', 'ben')

test('account and IPv6 address come from the signatures, not from the claim', () => {
  const result = verify({ ...mesh.claimOf(bob), owner: 'ann' })
  assert.equal(result.kind, 'verified')
  assert.ok(result.kind === 'verified')
  assert.equal(result.identity.account, mesh.accountOf('ben'))
  const rootKey = mesh.root.publicKey(crypto)
  assert.equal(result.identity.address6, nodeAddress6(rootKey, bob.keys.identity.publicKey(crypto), crypto))
  assert.equal(result.identity.nodeKey, bob.keys.node.publicKey(crypto))
})

test('a chain of a foreign root is refused', () => {
  const foreign = new TestMesh(99)
  const chain = toBase64(foreign.chainFor(bob.keys, 'ben'))
  assert.equal(refusal({ ...mesh.claimOf(bob), chain }), 'chain-foreign')
})

test('a record whose node key was changed is refused', () => {
  const record = bob.record.slice()
  record[41] = (record[41] ?? 0) ^ 1
  assert.equal(refusal({ ...mesh.claimOf(bob), record: toBase64(record) }), 'record-forged')
})

test("a record that another identity signed does not go with this one's chain", () => {
  const other = createRecord({ ...generateNodeKeys(seededRandom(5)), node: bob.keys.node }, 1, crypto)
  assert.equal(refusal({ ...mesh.claimOf(bob), record: toBase64(other) }), 'identity-mismatch')
})

test("a peer under another's id is refused", () => {
  assert.equal(refusal({ ...mesh.claimOf(bob), id: alice.id }), 'identity-mismatch')
})

test('a chain that has ended is refused, and one of the future is', () => {
  const claim = mesh.claimOf(bob)
  assert.equal(refusal(claim, new KnownPeers([], crypto), wallTime(START.wall + 400 * 86_400_000)), 'chain-expired')
  assert.equal(refusal(claim, new KnownPeers([], crypto), wallTime(START.wall - 4e9)), 'chain-not-yet-valid')
})

test('bytes that are nothing are refused and throw nothing', () => {
  for (const text of ['', 'AA==', '****', toBase64(new Uint8Array(1385)), toBase64(new Uint8Array(4096).fill(255))]) {
    assert.notEqual(refusal({ ...mesh.claimOf(bob), record: text }), undefined)
    assert.notEqual(refusal({ ...mesh.claimOf(bob), chain: text }), undefined)
  }
})

test('a lower sequence number is refused once a higher one is known', () => {
  const known = new KnownPeers([], crypto)
  const newer = createRecord(bob.keys, 2, crypto)
  assert.equal(refusal({ ...mesh.claimOf(bob), record: toBase64(newer) }, known), undefined)
  assert.equal(refusal(mesh.claimOf(bob), known), 'record-superseded')
})

test('the same sequence number with other bytes is refused', () => {
  const known = new KnownPeers([], crypto)
  const forked = createRecord({ ...bob.keys, node: generateNodeKeys(seededRandom(6)).node }, 1, crypto)
  assert.equal(refusal(mesh.claimOf(bob), known), undefined)
  assert.equal(refusal(mesh.claimOf(bob), known), undefined)
  assert.equal(refusal({ ...mesh.claimOf(bob), record: toBase64(forked) }, known), 'record-forked')
})

test('what was known is known after a restart', () => {
  const known = new KnownPeers([], crypto)
  verify({ ...mesh.claimOf(bob), record: toBase64(createRecord(bob.keys, 3, crypto)) }, known)
  assert.equal(refusal(mesh.claimOf(bob), new KnownPeers(known.all(), crypto)), 'record-superseded')
})

function verify(claim: NetmapPeer, known = new KnownPeers([], crypto), at: WallTime = START.wall): Verification {
  return verifyPeer(claim, { mesh: mesh.mesh, rootKey: mesh.root.publicKey(crypto), known, at, crypto })
}

function refusal(claim: NetmapPeer, known?: KnownPeers, at?: WallTime): string | undefined {
  const result = verify(claim, known, at)
  return result.kind === 'refused' ? result.reason : undefined
}
