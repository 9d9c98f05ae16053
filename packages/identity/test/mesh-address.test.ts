import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ipBytes, prefixContains, prefixParts, toHex } from '@weft/base'
import { meshIdOf, nodeIdOf, publicKeyBytes } from '@weft/keys'
import { meshPrefix, meshPrefixOf, nodeAddress6 } from '../src/index.ts'
import { alice, crypto, keyOf, root } from './fixture.ts'

const rootKey = root.publicKey(crypto)
const identityKey = alice.publicKey(crypto)

test("a mesh's prefix is fd and 40 bits of its root key's hash", () => {
  const { address, length } = prefixParts(meshPrefix(rootKey, crypto))
  assert.equal(length, 48)
  const hash = crypto.sha256(publicKeyBytes(rootKey))
  assert.equal(toHex(ipBytes(address)), `fd${toHex(hash.subarray(0, 5))}${'00'.repeat(10)}`)
  assert.equal(meshPrefixOf(meshIdOf(rootKey, crypto)), meshPrefix(rootKey, crypto))
})

test("a node's address is in its mesh's prefix and ends in 80 bits of its node id", () => {
  const address = nodeAddress6(rootKey, identityKey, crypto)
  assert.ok(prefixContains(meshPrefix(rootKey, crypto), address))
  assert.equal(toHex(ipBytes(address)).slice(12), nodeIdOf(identityKey, crypto).slice(0, 20))
})

test('other keys have other addresses', () => {
  const otherRoot = keyOf('root', 2).publicKey(crypto)
  const bob = keyOf('identity', 2).publicKey(crypto)
  const addresses = [rootKey, otherRoot].flatMap((key) => [identityKey, bob].map((id) => nodeAddress6(key, id, crypto)))
  assert.equal(new Set(addresses).size, 4)
})

test('addresses are made as they were', () => {
  assert.equal(meshPrefix(rootKey, crypto), PREFIX)
  assert.equal(nodeAddress6(rootKey, identityKey, crypto), ADDRESS)
})

const PREFIX = 'fdfb:199e:f924::/48'
const ADDRESS = 'fdfb:199e:f924:5647:5aa7:5463:474c:285'
