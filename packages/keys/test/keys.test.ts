import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, toBase64 } from '@weft/base'
import {
  type KeyRole,
  nodeIdOf,
  PrivateKey,
  parsePublicKey,
  publicKeyBytes,
  publicKeyFromBytes,
  sign,
  verify,
} from '@weft/keys'
import { portableCrypto } from '@weft/keys/portable'

const counting: Random = { fill: (bytes) => bytes.set(bytes.map((_, i) => i)) }
const agreement: readonly KeyRole[] = ['node', 'channel', 'probe']
const signing: readonly KeyRole[] = ['identity', 'root', 'account', 'link', 'coordinator']

test('a private key prints as redacted in text, JSON and templates', () => {
  const key = PrivateKey.generate('node', counting)
  const secret = toBase64(key.expose())
  for (const text of [String(key), JSON.stringify({ key }), `${key}`, Object.keys(key).join()]) {
    assert.ok(!text.includes(secret.slice(0, 8)))
  }
  assert.equal(String(key), '[private key]')
})

test('every role makes public keys of its kind', () => {
  const seed = new Uint8Array(32).map((_, i) => i)
  for (const role of agreement) {
    assert.equal(
      PrivateKey.generate(role, counting).publicKey(portableCrypto),
      toBase64(portableCrypto.x25519PublicKey(seed)),
    )
  }
  for (const role of signing) {
    assert.equal(
      PrivateKey.generate(role, counting).publicKey(portableCrypto),
      toBase64(portableCrypto.ed25519PublicKey(seed)),
    )
  }
  assert.equal(publicKeyBytes(PrivateKey.generate('kem', counting).publicKey(portableCrypto)).length, 1184)
})

test('a key of the wrong length is not made', () => {
  assert.throws(() => new PrivateKey('node', new Uint8Array(31)))
  assert.throws(() => new PrivateKey('kem', new Uint8Array(32)))
  assert.throws(() => publicKeyFromBytes('node', new Uint8Array(33)))
})

test('a private key does not change with the array it was made of', () => {
  const bytes = new Uint8Array(32).fill(5)
  const key = new PrivateKey('node', bytes)
  bytes.fill(0)
  assert.ok(key.equals(new PrivateKey('node', new Uint8Array(32).fill(5))))
  assert.ok(!key.equals(new PrivateKey('node', bytes)))
})

test('only the canonical text of a key is one', () => {
  const text = toBase64(new Uint8Array(32).fill(0xff))
  assert.equal(parsePublicKey('node', text), text)
  for (const wrong of ['', text.slice(0, -1), ` ${text}`, text.replace('8=', '9='), toBase64(new Uint8Array(31))]) {
    assert.equal(parsePublicKey('node', wrong), undefined)
  }
})

test('a signature by one key holds for that key and message only', () => {
  const alice = PrivateKey.generate('identity', counting)
  const eve = new PrivateKey('identity', new Uint8Array(32))
  const message = Uint8Array.of(1, 2, 3)
  const signature = sign(alice, message, portableCrypto)
  assert.ok(verify(alice.publicKey(portableCrypto), message, signature, portableCrypto))
  assert.ok(!verify(eve.publicKey(portableCrypto), message, signature, portableCrypto))
  assert.ok(!verify(alice.publicKey(portableCrypto), Uint8Array.of(1, 2), signature, portableCrypto))
})

test('an id is the first half of the SHA-256 of its key', () => {
  const key = PrivateKey.generate('identity', counting).publicKey(portableCrypto)
  assert.equal(nodeIdOf(key, portableCrypto), portableCrypto.sha256(publicKeyBytes(key)).toHex().slice(0, 32))
})
