import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nativeCrypto as crypto, systemRandom as random } from '@weft/crypto'
import { meshIdOf, PrivateKey } from '@weft/keys'
import { describeMesh, readMeshDescription } from '@weft/relay'
import fc from 'fast-check'

const description = {
  mesh: meshIdOf(PrivateKey.generate('root', random).publicKey(crypto), crypto),
  coordinatorKey: PrivateKey.generate('coordinator', random).publicKey(crypto),
}

test('a description is read as it was written', () => {
  assert.deepEqual(readMeshDescription(`${describeMesh(description)}\n`), description)
})

test('what is more, less, newer or no description is refused', () => {
  const whole = JSON.parse(describeMesh(description))
  for (const other of [
    { ...whole, more: 1 },
    { ...whole, version: 2 },
    { ...whole, mesh: 'abc' },
    { ...whole, coordinatorKey: 'abc' },
    { version: 1, mesh: whole.mesh },
    [],
    null,
  ])
    assert.equal(readMeshDescription(JSON.stringify(other)), undefined)
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => assert.equal(readMeshDescription(text), undefined)))
})
