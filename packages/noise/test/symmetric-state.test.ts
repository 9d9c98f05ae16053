import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@weft/base'
import { portableCrypto as crypto } from '@weft/keys/portable'
import { SymmetricState } from '@weft/noise'

test('a short name is the first hash as it is, a long one is hashed', () => {
  assert.deepEqual(new SymmetricState('Noise', crypto).hash.subarray(0, 6), Uint8Array.of(...utf8('Noise'), 0))
  const long = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'
  assert.deepEqual(new SymmetricState(long, crypto).hash, crypto.blake2s(utf8(long)))
})

test('WireGuard’s construction and identifier make the constants of its kernel implementation', () => {
  // drivers/net/wireguard/noise.c of Linux computes both at start; values as given in WireGuard's protocol implementations.
  const state = new SymmetricState('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s', crypto)
  assert.equal(state.hash.toHex(), '60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36')
  state.mixHash(utf8('WireGuard v1 zx2c4 Jason@zx2c4.com'))
  assert.equal(state.hash.toHex(), '2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3')
})

test('before there is a key, text is hashed and left in the clear', () => {
  const [a, b] = [fresh(), fresh()]
  assert.deepEqual(a.encryptAndHash(utf8('text')), utf8('text'))
  assert.deepEqual(b.decryptAndHash(utf8('text')), utf8('text'))
  assert.deepEqual(a.hash, b.hash)
})

test('what one state seals the other opens, in order, and both end with the same keys', () => {
  const [a, b] = [keyed(), keyed()]
  for (const text of ['one', 'two', '']) assert.deepEqual(b.decryptAndHash(a.encryptAndHash(utf8(text))), utf8(text))
  a.mixKeyAndHash(utf8('psk'))
  b.mixKeyAndHash(utf8('psk'))
  assert.deepEqual(b.decryptAndHash(a.encryptAndHash(utf8('three'))), utf8('three'))
  assert.deepEqual(a.split(), b.split())
  assert.notDeepEqual(a.split().first, a.split().second)
})

test('a refused ciphertext leaves the state as it was', () => {
  const [a, b] = [keyed(), keyed()]
  const sealed = a.encryptAndHash(utf8('text'))
  const before = b.hash
  assert.equal(b.decryptAndHash(sealed.with(0, (sealed[0] ?? 0) ^ 1)), undefined)
  assert.equal(b.decryptAndHash(sealed.subarray(0, 15)), undefined)
  assert.deepEqual(b.hash, before)
  assert.deepEqual(b.decryptAndHash(sealed), utf8('text'))
})

test('what happens to a clone does not happen to its origin', () => {
  const origin = keyed()
  const before = origin.hash
  const clone = origin.clone()
  clone.encryptAndHash(utf8('text'))
  clone.mixKey(utf8('key'))
  assert.deepEqual(origin.hash, before)
  assert.deepEqual(origin.encryptAndHash(utf8('text')), keyed().encryptAndHash(utf8('text')))
})

const fresh = (): SymmetricState => new SymmetricState('Noise_test', crypto)

function keyed(): SymmetricState {
  const state = fresh()
  state.mixKey(utf8('secret'))
  return state
}
