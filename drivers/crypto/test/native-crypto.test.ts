import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nativeCrypto } from '@weft/crypto'
import { portableCrypto } from '@weft/keys/portable'
import { cryptoContract } from '@weft/testing'
import fc from 'fast-check'

cryptoContract('nativeCrypto', nativeCrypto)

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyBytes = fc.uint8Array({ maxLength: 300 })

test('both providers give the same for random hashes and sealed messages', () => {
  fc.assert(
    fc.property(bytes(32), bytes(12), anyBytes, anyBytes, (key, nonce, a, b) => {
      assert.deepEqual(nativeCrypto.sha256(a, b), portableCrypto.sha256(a, b))
      assert.deepEqual(nativeCrypto.blake2s(a, b), portableCrypto.blake2s(a, b))
      assert.deepEqual(nativeCrypto.blake2sMac(key, a, b), portableCrypto.blake2sMac(key, a, b))
      assert.deepEqual(nativeCrypto.hmacBlake2s(a, key, b), portableCrypto.hmacBlake2s(a, key, b))
      const sealed = nativeCrypto.seal(key, nonce, a, b)
      assert.deepEqual(sealed, portableCrypto.seal(key, nonce, a, b))
      assert.deepEqual(portableCrypto.open(key, nonce, sealed, b), a)
      assert.deepEqual(nativeCrypto.open(key, nonce, sealed, b), a)
    }),
    { numRuns: 100 },
  )
})

test('both providers agree on random keys, secrets and signatures', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), anyBytes, (ours, theirs, message) => {
      assert.deepEqual(nativeCrypto.x25519PublicKey(ours), portableCrypto.x25519PublicKey(ours))
      assert.deepEqual(nativeCrypto.x25519(ours, theirs), portableCrypto.x25519(ours, theirs))
      assert.deepEqual(nativeCrypto.ed25519PublicKey(ours), portableCrypto.ed25519PublicKey(ours))
      const signature = nativeCrypto.ed25519Sign(ours, message)
      assert.deepEqual(signature, portableCrypto.ed25519Sign(ours, message))
      const key = nativeCrypto.ed25519PublicKey(ours)
      assert.ok(portableCrypto.ed25519Verify(key, message, signature))
      const other = nativeCrypto.ed25519Verify(theirs, message, signature)
      assert.equal(portableCrypto.ed25519Verify(theirs, message, signature), other)
    }),
    { numRuns: 20 },
  )
})

test('an X25519 key that was changed in its array is another key', () => {
  const [key, base] = [new Uint8Array(32).fill(1), new Uint8Array(32)]
  base[0] = 9
  for (let value = 1; value < 5; value++) {
    key.fill(value)
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(nativeCrypto.x25519PublicKey(key), portableCrypto.x25519PublicKey(key))
      assert.deepEqual(nativeCrypto.x25519(key, base), portableCrypto.x25519(key, base))
    }
  }
})

test('both providers make the same ML-KEM key of a random seed', () => {
  fc.assert(
    fc.property(bytes(64), (seed) => {
      assert.deepEqual(nativeCrypto.mlKem768PublicKey(seed), portableCrypto.mlKem768PublicKey(seed))
    }),
    { numRuns: 5 },
  )
})

test('arrays that it returns are plain Uint8Arrays', () => {
  const key = new Uint8Array(32).fill(1)
  for (const made of [
    nativeCrypto.sha256(key),
    nativeCrypto.ed25519Sign(key, key),
    nativeCrypto.x25519PublicKey(key),
  ]) {
    assert.equal(Object.getPrototypeOf(made), Uint8Array.prototype)
  }
})
