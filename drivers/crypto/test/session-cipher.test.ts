import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  composedSessionCiphers,
  evpSessionCiphers,
  nativeCrypto,
  SESSION_CIPHER_SLACK,
  type SessionCipherFactory,
} from '@weft/crypto'
import { Arena } from '@weft/native'

const key = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
const OTHER_KEY = new Uint8Array(32)
const NOTHING = new Uint8Array(0)
const TAG = 16
const BEFORE = 5
const MARK = 0xa5
const LENGTHS = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 500, 1408, 1419, 1420, 1424, 9000, 65_000]

for (const [name, ciphers] of Object.entries({ composed: composedSessionCiphers, EVP: evpSessionCiphers })) {
  describe(`the ${name} session cipher`, () => {
    test('seals as the provider does with the counter as nonce, at every length', () => {
      for (const [low, high] of [
        [0, 0],
        [1, 0],
        [0xffffffff, 0],
        [5, 0x0fffffff],
      ] as const)
        for (const length of LENGTHS) {
          const expected = nativeCrypto.seal(key, nonceOf(low, high), textOf(length), NOTHING)
          assert.deepEqual(sealed(ciphers, textOf(length), low, high), expected)
        }
    })

    test('opens in place what the provider sealed, at every length', () => {
      for (const length of LENGTHS) {
        const message = nativeCrypto.seal(key, nonceOf(9, 3), textOf(length), NOTHING)
        assert.deepEqual(opened(ciphers, message, 9, 3), textOf(length))
      }
    })

    test('does not open what was changed in any bit, nor with another counter or key', () => {
      const message = nativeCrypto.seal(key, nonceOf(9, 0), Uint8Array.of(1, 2, 3), NOTHING)
      for (let bit = 0; bit < message.length * 8; bit++) {
        const changed = message.map((byte, i) => (i === bit >>> 3 ? byte ^ (1 << (bit & 7)) : byte))
        assert.equal(opened(ciphers, changed, 9, 0), undefined)
      }
      assert.equal(opened(ciphers, message, 8, 0), undefined)
      assert.equal(opened(ciphers, message, 9, 1), undefined)
      const foreign = nativeCrypto.seal(OTHER_KEY, nonceOf(9, 0), Uint8Array.of(1, 2, 3), NOTHING)
      assert.equal(opened(ciphers, foreign, 9, 0), undefined)
    })

    test('opens the next message after one that did not hold', () => {
      const { arena, at } = arenaWith(nativeCrypto.seal(key, nonceOf(2, 0), textOf(1420), NOTHING))
      const cipher = ciphers(arena)(key, 'open')
      const good = arena.bytes.slice()
      arena.bytes.set([1, 2, 3], at)
      assert.ok(!cipher.open(2, 0, at, 1420))
      arena.bytes.set(good)
      assert.ok(cipher.open(2, 0, at, 1420))
      cipher.free()
    })

    test('leaves what lies before and behind as it was', () => {
      for (const length of LENGTHS) {
        for (const direction of ['seal', 'open'] as const) {
          const { arena, at } = arenaWith(new Uint8Array(length + TAG))
          const cipher = ciphers(arena)(key, direction)
          if (direction === 'seal') cipher.seal(1, 0, at, length)
          else assert.ok(!cipher.open(1, 0, at, length))
          cipher.free()
          const around = [...arena.bytes.subarray(0, at), ...arena.bytes.subarray(at + length + TAG)]
          assert.ok(around.every((byte) => byte === MARK))
        }
      }
    })

    test('is not disturbed by another one used in turns with it', () => {
      const { arena, at } = arenaWith(nativeCrypto.seal(key, nonceOf(2, 0), textOf(40), NOTHING))
      const cipher = ciphers(arena)(key, 'open')
      sealed(ciphers, textOf(100), 3, 0, OTHER_KEY)
      assert.ok(cipher.open(2, 0, at, 40))
      assert.deepEqual(arena.bytes.slice(at, at + 40), textOf(40))
      cipher.free()
    })

    test('throws once it is freed, for the other direction, and for a key of another length', () => {
      const { arena, at } = arenaWith(new Uint8Array(TAG))
      const cipher = ciphers(arena)(key, 'open')
      assert.throws(() => cipher.seal(0, 0, at, 0))
      cipher.free()
      cipher.free()
      assert.throws(() => cipher.open(0, 0, at, 0))
      assert.throws(() => ciphers(arena)(key.subarray(1), 'seal'))
    })
  })
}

const textOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

/** At an odd place, with marks around it. */
function arenaWith(bytes: Uint8Array): { readonly arena: Arena; readonly at: number } {
  const arena = new Arena(BEFORE + bytes.length + SESSION_CIPHER_SLACK)
  arena.bytes.fill(MARK)
  arena.bytes.set(bytes, BEFORE)
  return { arena, at: BEFORE }
}

function sealed(
  ciphers: (arena: Arena) => SessionCipherFactory,
  text: Uint8Array,
  low: number,
  high: number,
  by = key,
): Uint8Array {
  const { arena, at } = arenaWith(new Uint8Array(text.length + TAG))
  arena.bytes.set(text, at)
  const cipher = ciphers(arena)(by, 'seal')
  cipher.seal(low, high, at, text.length)
  cipher.free()
  return arena.bytes.slice(at, at + text.length + TAG)
}

function opened(
  ciphers: (arena: Arena) => SessionCipherFactory,
  message: Uint8Array,
  low: number,
  high: number,
): Uint8Array | undefined {
  const { arena, at } = arenaWith(message)
  const cipher = ciphers(arena)(key, 'open')
  const holds = cipher.open(low, high, at, message.length - TAG)
  cipher.free()
  return holds ? arena.bytes.slice(at, at + message.length - TAG) : undefined
}

function nonceOf(low: number, high: number): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setUint32(4, low, true)
  new DataView(nonce.buffer).setUint32(8, high, true)
  return nonce
}
