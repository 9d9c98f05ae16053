import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '@weft/base'
import type { CryptoProvider } from '@weft/keys'
import {
  aeads,
  agreements,
  keyedHashes,
  signatures,
  smallOrderEdwards,
  smallOrderMontgomery,
  xaead,
} from './crypto-vectors.ts'

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(/\s/g, ''))
const NOTHING = new Uint8Array(0)

/** Registers the tests that every crypto provider must pass: published vectors, and what the interface promises. */
export function cryptoContract(name: string, crypto: CryptoProvider): void {
  describe(`${name} as a crypto provider`, () => {
    x25519Tests(crypto)
    ed25519Tests(crypto)
    hashTests(crypto)
    aeadTests(crypto)
    lengthTests(crypto)
  })
}

function x25519Tests(crypto: CryptoProvider): void {
  test('X25519 agrees with RFC 7748 §5.2 and §6.1', () => {
    for (const { privateKey, publicKey, secret } of agreements) {
      assert.equal(crypto.x25519(hex(privateKey), hex(publicKey))?.toHex(), secret)
    }
  })

  test('X25519 iterated 1 and 1,000 times agrees with RFC 7748 §5.2', () => {
    let k = crypto.x25519PublicKey(NINE)
    assert.equal(k.toHex(), '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079')
    let u: Uint8Array = NINE
    for (let i = 1; i < 1000; i++) {
      const next = crypto.x25519(k, u)
      assert.ok(next)
      u = k
      k = next
    }
    assert.equal(k.toHex(), '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51')
  })

  test('X25519 public keys agree with RFC 7748 §6.1', () => {
    for (const { privateKey, ownPublicKey } of agreements) {
      if (ownPublicKey) assert.equal(crypto.x25519PublicKey(hex(privateKey)).toHex(), ownPublicKey)
    }
  })

  test('X25519 gives nothing for a key of small order', () => {
    for (const key of smallOrderMontgomery) assert.equal(crypto.x25519(new Uint8Array(32).fill(7), hex(key)), undefined)
  })
}

function ed25519Tests(crypto: CryptoProvider): void {
  test('Ed25519 keys and signatures agree with RFC 8032 §7.1', () => {
    for (const { seed, publicKey, message, signature } of signatures) {
      assert.equal(crypto.ed25519PublicKey(hex(seed)).toHex(), publicKey)
      assert.equal(crypto.ed25519Sign(hex(seed), hex(message)).toHex(), hex(signature).toHex())
      assert.ok(crypto.ed25519Verify(hex(publicKey), hex(message), hex(signature)))
    }
  })

  test('an Ed25519 signature with any byte changed, or over another message, does not hold', () => {
    const [{ publicKey, message, signature }] = signatures
    for (let at = 0; at < 64; at++) {
      const changed = hex(signature)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.ok(!crypto.ed25519Verify(hex(publicKey), hex(message), changed), `byte ${at}`)
    }
    assert.ok(!crypto.ed25519Verify(hex(publicKey), utf8('another'), hex(signature)))
  })

  test('an Ed25519 signature with the group order added to S does not hold', () => {
    const [{ publicKey, message, signature }] = signatures
    assert.ok(!crypto.ed25519Verify(hex(publicKey), hex(message), addGroupOrder(hex(signature))))
  })

  test('no signature holds under an Ed25519 key of small order, or encoded otherwise than canonically', () => {
    const zeroOfNeutralElement = new Uint8Array(64)
    zeroOfNeutralElement[0] = 1
    for (const key of smallOrderEdwards) {
      for (let message = 0; message < 16; message++) {
        assert.ok(!crypto.ed25519Verify(hex(key), Uint8Array.of(message), zeroOfNeutralElement), key)
      }
    }
  })

  test('bytes that are no Ed25519 key or signature hold for nothing', () => {
    const [{ publicKey, message, signature }] = signatures
    assert.ok(!crypto.ed25519Verify(hex(publicKey).subarray(1), hex(message), hex(signature)))
    assert.ok(!crypto.ed25519Verify(hex(publicKey), hex(message), hex(signature).subarray(1)))
    assert.ok(!crypto.ed25519Verify(new Uint8Array(32).fill(0xff), hex(message), hex(signature)))
  })
}

function hashTests(crypto: CryptoProvider): void {
  test('BLAKE2s agrees with RFC 7693 appendix B', () => {
    assert.equal(
      crypto.blake2s(utf8('abc')).toHex(),
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    )
  })

  test('keyed BLAKE2s and HMAC-BLAKE2s agree with the reference implementation', () => {
    for (const { mac, key, data, expected } of keyedHashes) {
      assert.equal(crypto[mac](upTo(key), upTo(data)).toHex(), expected)
    }
  })

  test('SHA-256 agrees with FIPS 180-4', () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    assert.equal(crypto.sha256(utf8('abc')).toHex(), expected)
  })

  test('the key of ML-KEM-768 made of a seed agrees with Wycheproof', () => {
    // mlkem_768_keygen_seed_test.json, tcId 1: SHA-256 of `ek`.
    const seed = hex(`7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d
                      8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f`)
    const key = crypto.mlKem768PublicKey(seed)
    assert.equal(key.length, 1184)
    assert.equal(crypto.sha256(key).toHex(), '86adbca81f4fee893e2fb58fb98aa2fe188f501fed268d7f4056f8c05c4e53c4')
  })

  test('a hash over parts is the hash over the whole', () => {
    const parts = [utf8('we'), NOTHING, utf8('ft')] as const
    const key = upTo(32)
    assert.deepEqual(crypto.sha256(...parts), crypto.sha256(utf8('weft')))
    assert.deepEqual(crypto.blake2s(...parts), crypto.blake2s(utf8('weft')))
    assert.deepEqual(crypto.blake2sMac(key, ...parts), crypto.blake2sMac(key, utf8('weft')))
    assert.deepEqual(crypto.hmacBlake2s(key, ...parts), crypto.hmacBlake2s(key, utf8('weft')))
    assert.deepEqual(crypto.blake2s(), crypto.blake2s(NOTHING))
  })
}

function aeadTests(crypto: CryptoProvider): void {
  test('ChaCha20-Poly1305 agrees with RFC 8439 §2.8.2 and appendix A.5', () => {
    for (const { key, nonce, associatedData, plaintext, ciphertext } of aeads) {
      const sealed = crypto.seal(hex(key), hex(nonce), utf8(plaintext), hex(associatedData))
      assert.equal(sealed.toHex(), hex(ciphertext).toHex())
      assert.deepEqual(crypto.open(hex(key), hex(nonce), sealed, hex(associatedData)), utf8(plaintext))
    }
  })

  test('what was sealed does not open with any part of it changed', () => {
    const [key, nonce, text, data] = [upTo(32), upTo(12), upTo(40), upTo(20)]
    const sealed = crypto.seal(key, nonce, text, data)
    for (let at = 0; at < sealed.length; at++)
      assert.equal(crypto.open(key, nonce, flipped(sealed, at), data), undefined)
    assert.equal(crypto.open(flipped(key, 31), nonce, sealed, data), undefined)
    assert.equal(crypto.open(key, flipped(nonce, 11), sealed, data), undefined)
    assert.equal(crypto.open(key, nonce, sealed, flipped(data, 19)), undefined)
    assert.equal(crypto.open(key, nonce, sealed.subarray(1), data), undefined)
    assert.equal(crypto.open(key, nonce, sealed.subarray(0, 15), data), undefined)
    assert.deepEqual(crypto.open(key, nonce, sealed, data), text)
  })

  test('XChaCha20-Poly1305 agrees with draft-irtf-cfrg-xchacha-03 §A.3.1', () => {
    const { key, nonce, associatedData, plaintext, ciphertext } = xaead
    const sealed = crypto.xseal(hex(key), hex(nonce), utf8(plaintext), hex(associatedData))
    assert.equal(sealed.toHex(), hex(ciphertext).toHex())
    assert.deepEqual(crypto.xopen(hex(key), hex(nonce), sealed, hex(associatedData)), utf8(plaintext))
  })

  test('what was sealed with a long nonce does not open with any part of it changed', () => {
    const [key, nonce, text, data] = [upTo(32), upTo(24), upTo(16), upTo(16)]
    const sealed = crypto.xseal(key, nonce, text, data)
    for (let at = 0; at < sealed.length; at++)
      assert.equal(crypto.xopen(key, nonce, flipped(sealed, at), data), undefined)
    for (let at = 0; at < nonce.length; at++)
      assert.equal(crypto.xopen(key, flipped(nonce, at), sealed, data), undefined)
    assert.equal(crypto.xopen(flipped(key, 31), nonce, sealed, data), undefined)
    assert.equal(crypto.xopen(key, nonce, sealed, flipped(data, 15)), undefined)
    assert.equal(crypto.xopen(key, nonce, sealed.subarray(0, 15), data), undefined)
    assert.deepEqual(crypto.xopen(key, nonce, sealed, data), text)
  })

  test('nothing at all is sealed to a tag and opened to nothing', () => {
    const sealed = crypto.seal(upTo(32), upTo(12), NOTHING, NOTHING)
    assert.equal(sealed.length, 16)
    assert.deepEqual(crypto.open(upTo(32), upTo(12), sealed, NOTHING), NOTHING)
  })
}

function lengthTests(crypto: CryptoProvider): void {
  test('a wrong length throws', () => {
    for (const length of [0, 31, 33]) {
      const key = new Uint8Array(length).fill(1)
      assert.throws(() => crypto.x25519PublicKey(key))
      assert.throws(() => crypto.x25519(key, NINE))
      assert.throws(() => crypto.x25519(NINE, key))
      assert.throws(() => crypto.ed25519PublicKey(key))
      assert.throws(() => crypto.ed25519Sign(key, NOTHING))
      assert.throws(() => crypto.mlKem768PublicKey(key))
      assert.throws(() => crypto.seal(key, upTo(12), NOTHING, NOTHING))
      assert.throws(() => crypto.open(key, upTo(12), upTo(16), NOTHING))
      assert.throws(() => crypto.seal(upTo(32), key, NOTHING, NOTHING))
      assert.throws(() => crypto.xseal(key, upTo(24), NOTHING, NOTHING))
      assert.throws(() => crypto.xopen(key, upTo(24), upTo(16), NOTHING))
      assert.throws(() => crypto.xseal(upTo(32), key, NOTHING, NOTHING))
      assert.throws(() => crypto.xopen(upTo(32), key, upTo(16), NOTHING))
      if (length !== 31) assert.throws(() => crypto.blake2sMac(key, NOTHING))
    }
  })
}

/** RFC 7748's base point, and first scalar of its iteration. */
const NINE = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0))

/** The bytes 0, 1, 2, …: as many as are asked for, below 256. */
function upTo(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i)
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 0x80 : byte))
}

function addGroupOrder(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = BigInt(`0x${signature.slice(32).reverse().toHex()}`) + order
  signature.set(hex(s.toString(16).padStart(64, '0')).reverse(), 32)
  return signature
}
