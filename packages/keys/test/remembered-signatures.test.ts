import assert from 'node:assert/strict'
import { it } from 'node:test'
import { nativeCrypto } from '@weft/crypto'
import { type CryptoProvider, rememberingSignatures } from '../src/index.ts'

const seed = new Uint8Array(32).fill(7)
const publicKey = nativeCrypto.ed25519PublicKey(seed)
const message = Uint8Array.of(1, 2, 3)
const signature = nativeCrypto.ed25519Sign(seed, message)

it('a signature that held is looked at once, and any other byte is looked at anew', () => {
  let looked = 0
  const counting: CryptoProvider = Object.assign(Object.create(nativeCrypto), {
    ed25519Verify: (...options: Parameters<CryptoProvider['ed25519Verify']>) => {
      looked++
      return nativeCrypto.ed25519Verify(...options)
    },
  })
  const crypto = rememberingSignatures(counting)
  for (let i = 0; i < 3; i++) assert.ok(crypto.ed25519Verify(publicKey, message, signature))
  assert.equal(looked, 1)
  const altered = signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte))
  for (let i = 0; i < 2; i++) assert.ok(!crypto.ed25519Verify(publicKey, message, altered))
  assert.ok(!crypto.ed25519Verify(publicKey, Uint8Array.of(1, 2, 4), signature))
  assert.equal(looked, 4)
})
