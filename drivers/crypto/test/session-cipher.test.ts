import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nativeCrypto, SessionCipher } from '@weft/crypto'
import { addressOf } from '@weft/native'

const key = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
const NOTHING = new Uint8Array(0)

test('a session cipher seals as the provider does with the counter as nonce', () => {
  for (const [low, high] of [
    [0, 0],
    [1, 0],
    [0xffffffff, 0],
    [5, 0x0fffffff],
  ] as const) {
    for (const length of [0, 16, 1420]) {
      const text = Uint8Array.from({ length }, (_, i) => i)
      assert.deepEqual(sealed(text, low, high), nativeCrypto.seal(key, nonceOf(low, high), text, NOTHING))
    }
  }
})

test('a session cipher opens in place what was sealed', () => {
  const text = Uint8Array.from({ length: 1420 }, (_, i) => i)
  const memory = sealed(text, 9, 0)
  using cipher = opener()
  const at = addressOf(memory)
  assert.ok(cipher.open(9, 0, at, text.length, at))
  assert.deepEqual(memory.subarray(0, text.length), text)
})

test('a changed byte, another counter and another key do not open, and the next message does', () => {
  const memory = sealed(Uint8Array.of(1, 2, 3), 9, 0)
  using cipher = opener()
  const opens = (bytes: Uint8Array, low: number, high = 0): boolean => {
    const output = new Uint8Array(3)
    const holds = cipher.open(low, high, addressOf(bytes), 3, addressOf(output))
    assert.ok(!holds || output[0] === 1)
    return holds
  }
  for (let at = 0; at < memory.length; at++)
    assert.ok(
      !opens(
        memory.map((byte, i) => (i === at ? byte ^ 1 : byte)),
        9,
      ),
    )
  assert.ok(!opens(memory, 8))
  assert.ok(!opens(memory, 9, 1))
  assert.ok(!opens(nativeCrypto.seal(NOTHING_KEY, nonceOf(9, 0), Uint8Array.of(1, 2, 3), NOTHING), 9))
  assert.ok(opens(memory, 9))
})

test('a keepalive, nothing but a tag, seals and opens', () => {
  const memory = sealed(NOTHING, 3, 0)
  using cipher = opener()
  const at = addressOf(memory)
  assert.ok(cipher.open(3, 0, at, 0, at))
  assert.ok(!cipher.open(4, 0, at, 0, at))
})

test('two ciphers in turns do not disturb each other', () => {
  const first = Uint8Array.of(1)
  assert.deepEqual(sealed(first, 1, 0), nativeCrypto.seal(key, nonceOf(1, 0), first, NOTHING))
  using cipher = opener()
  const memory = sealed(first, 2, 0)
  sealed(first, 3, 0)
  const at = addressOf(memory)
  assert.ok(cipher.open(2, 0, at, 1, at))
})

test('a freed cipher, and one made for the other direction, throw', () => {
  const memory = new Uint8Array(16)
  const at = addressOf(memory)
  const cipher = new SessionCipher(key, 'open')
  assert.throws(() => cipher.seal(0, 0, at, 0, at))
  cipher.free()
  cipher.free()
  assert.throws(() => cipher.open(0, 0, at, 0, at))
  assert.throws(() => new SessionCipher(key.subarray(1), 'seal'))
})

const NOTHING_KEY = new Uint8Array(32)

function opener(): SessionCipher & Disposable {
  const cipher = new SessionCipher(key, 'open')
  return Object.assign(cipher, { [Symbol.dispose]: () => cipher.free() })
}

function sealed(text: Uint8Array, low: number, high: number): Uint8Array {
  const memory = new Uint8Array(text.length + 16)
  memory.set(text)
  const cipher = new SessionCipher(key, 'seal')
  cipher.seal(low, high, addressOf(memory), text.length, addressOf(memory))
  cipher.free()
  return memory
}

function nonceOf(low: number, high: number): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setUint32(4, low, true)
  new DataView(nonce.buffer).setUint32(8, high, true)
  return nonce
}
